/** The benchmark of the gateway beside a bare proxy and a peer, all on the same core in turns. See docs/benchmarks.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chatBody } from './answers.js';
import { cancelMs } from './cancels.js';
import { startGoverned } from './governed.js';
import { requestBytes } from './http-connection.js';
import { idleStreamKibibytes, machine } from './idle-memory.js';
import { closedLoad } from './load.js';
import { installPeer, peerHeaders } from './peer.js';
import { leaveMeasuredCore, pinning, startPinned } from './pinned.js';
import { measureRound } from './rounds.js';
import type { Durations, Measured, Round } from './rounds.js';
import { median, row, table } from './rows.js';
import { scanMs } from './scanner.js';

const isQuick = process.argv.includes('--quick');
const asked = process.argv.find((argument) => argument.startsWith('--rounds='));
const rounds = asked ? Number(asked.slice('--rounds='.length)) : isQuick ? 1 : 5;
const durations: Durations = isQuick ? { loadMs: 600, singleMs: 400, halfMs: 400, firstTokens: 10, batches: 1 } : { loadMs: 2_000, singleMs: 1_000, halfMs: 2_000, firstTokens: 60, batches: 3 };
/** The compiler is through with the hot path after some thousands of requests. */
const warmMs = isQuick ? 300 : 6_000;
const idleStreamsMax = isQuick ? 500 : 10_000;

const directory = join(process.cwd(), '.mizan/bench');
mkdirSync(directory, { recursive: true });
const bench = (file: string): string => join(import.meta.dirname, file);

leaveMeasuredCore();
console.log(`${machine()}; ${pinning}`);
const startedAt = performance.now();
const engine = await startPinned(directory, { name: 'mock-engine', args: [bench('mock-engine.js')], isMeasured: false });
const proxyProcess = await startPinned(directory, { name: 'bare-proxy', args: [bench('bare-proxy.js')], env: { UPSTREAM: engine.url }, isMeasured: true });
const peerProcess = await startPinned(directory, { name: 'peer', args: [installPeer(join(directory, 'portkey')), '--port=%port%', '--headless'], isMeasured: true });
const governed = await startGoverned(directory, process.env['BENCH_GATEWAY_NODE_ARGS']?.split(' ') ?? []);

const proxy: Measured = { target: { name: 'bare proxy', port: proxyProcess.port, headers: {} }, process: proxyProcess };
const peer: Measured = { target: { name: 'peer', port: peerProcess.port, headers: peerHeaders(engine.url) }, process: peerProcess };
const gateway: Measured = { target: governed.target, process: governed.process };

for (const { target } of [proxy, gateway, peer]) await closedLoad(target, requestBytes(target, chatBody()), 32, warmMs);
const measured: Round[] = [];
for (let n = 1; n <= rounds; n += 1) {
  const round = await measureRound(proxy, gateway, peer, durations);
  measured.push(round);
  const figures = (['proxy', 'gateway', 'peer'] as const).map((name) => `${name} ${round.perSecond[name].toFixed(0)}/s, ${round.processorMicros[name].toFixed(0)} µs`);
  console.log(`round ${n}: ${figures.join('; ')} of processor a request`);
}
const cancel = await cancelMs(governed, isQuick ? 10 : 100);
await governed.stop();
await peerProcess.stop();
await proxyProcess.stop();
await engine.stop();
const idle = process.argv.includes('--no-idle') ? { kibibytes: NaN, streams: 0 } : await idleStreamKibibytes(directory, idleStreamsMax);

const mid = (figure: (round: Round) => number): number => median(measured.map(figure));
const rows = [
  row('requests/s at 32 connections ÷ bare proxy', mid(({ perSecond }) => perSecond.gateway / perSecond.proxy), { atLeast: 0.6 }),
  row('requests/s ÷ @portkey-ai/gateway 1.15', mid(({ perSecond }) => perSecond.gateway / perSecond.peer), { atLeast: 5 }),
  row('added p50 over the bare proxy at one connection, ms', mid(({ p50 }) => p50.gateway - p50.proxy), { atMost: 0.5 }),
  row('p99 at half load ÷ bare proxy', mid(({ p99 }) => p99.gateway / p99.proxy), { atMost: 1.5 }),
  row('streaming: added time to first token, ms', mid(({ firstToken }) => firstToken.gateway - firstToken.proxy), { atMost: 1 }),
  row('streaming: chunks/s of 100 streams × 100 chunks ÷ bare proxy', mid(({ chunks }) => chunks.gateway / chunks.proxy), { atLeast: 0.5 }),
  row(`memory of an idle stream, ${idle.streams} open, KiB`, idle.kibibytes, { atMost: 40 }),
  row('a client leaves: until the engine is told to stop, p99, ms', cancel, { atMost: 200 }),
  row('64 KB prompt: scanner, ms', scanMs(), { atMost: 2 }),
];
const names = ['proxy', 'gateway', 'peer'] as const;
const detail = {
  perSecond: Object.fromEntries(names.map((name) => [name, Math.round(mid(({ perSecond }) => perSecond[name]))])),
  processorMicros: Object.fromEntries(names.map((name) => [name, Math.round(mid(({ processorMicros }) => processorMicros[name]))])),
  p50Ms: { proxy: mid(({ p50 }) => p50.proxy), gateway: mid(({ p50 }) => p50.gateway) },
  p99Ms: { proxy: mid(({ p99 }) => p99.proxy), gateway: mid(({ p99 }) => p99.gateway), perSecond: Math.round(mid(({ halfLoad }) => halfLoad)) },
  firstTokenMs: { proxy: mid(({ firstToken }) => firstToken.proxy), gateway: mid(({ firstToken }) => firstToken.gateway) },
  chunksPerSecond: { proxy: Math.round(mid(({ chunks }) => chunks.proxy)), gateway: Math.round(mid(({ chunks }) => chunks.gateway)) },
  stepMicros: Object.fromEntries(Object.keys(measured[0]!.steps).map((step) => [step, mid(({ steps }) => steps[step] ?? 0)])),
};
writeFileSync(join(directory, 'gateway.json'), `${JSON.stringify({ machine: machine(), pinning, rounds, rows, detail }, null, 2)}\n`);
console.log(`\n${table(rows)}\n\n${JSON.stringify(detail, null, 2)}\n\n${rounds} rounds in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s; .mizan/bench/gateway.json has the same`);
process.exit(0);
