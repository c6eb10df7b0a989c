import { chatBody } from './answers.js';
import { requestBytes } from './http-connection.js';
import type { Target } from './http-connection.js';
import { closedLoad, quantile, steadyLoad } from './load.js';
import { processorMicros } from './pinned.js';
import type { Pinned } from './pinned.js';
import { readSteps, stepMicros } from './steps.js';
import { chunksPerSecond, firstTokenMs } from './streams.js';

export interface Measured {
  readonly target: Target;
  readonly process: Pinned;
}

/** Durations of one round's parts; a quick run only shows that all works. */
export interface Durations {
  readonly loadMs: number;
  readonly singleMs: number;
  readonly halfMs: number;
  readonly firstTokens: number;
  readonly batches: number;
}

/** One round's figures. Throughputs a second, times in milliseconds, processor time in microseconds a request. */
export interface Round {
  readonly perSecond: Readonly<Record<'proxy' | 'gateway' | 'peer', number>>;
  readonly processorMicros: Readonly<Record<'proxy' | 'gateway' | 'peer', number>>;
  readonly p50: Readonly<Record<'proxy' | 'gateway', number>>;
  readonly halfLoad: number;
  readonly p99: Readonly<Record<'proxy' | 'gateway', number>>;
  readonly firstToken: Readonly<Record<'proxy' | 'gateway', number>>;
  readonly chunks: Readonly<Record<'proxy' | 'gateway', number>>;
  readonly steps: Readonly<Record<string, number>>;
}

/** One after another on the same core, in every round in the same order. */
export async function measureRound(proxy: Measured, gateway: Measured, peer: Measured, { loadMs, singleMs, halfMs, firstTokens, batches }: Durations): Promise<Round> {
  const whole = ({ target }: Measured): Buffer => requestBytes(target, chatBody());
  const streamed = ({ target }: Measured): Buffer => requestBytes(target, chatBody({ stream: true }));
  const full = async (measured: Measured) => {
    const before = processorMicros(measured.process);
    const load = await closedLoad(measured.target, whole(measured), 32, loadMs);
    return { perSecond: load.perSecond, micros: (processorMicros(measured.process) - before) / load.latencies.length };
  };
  const both = async (figure: (measured: Measured) => Promise<number>) => ({ proxy: await figure(proxy), gateway: await figure(gateway) });

  const loads = { proxy: await full(proxy), gateway: await full(gateway), peer: await full(peer) };
  const before = await readSteps(gateway.process.operationsUrl);
  const p50 = await both(async (measured) => quantile(await closedLoad(measured.target, whole(measured), 1, singleMs), 0.5));
  const steps = stepMicros(before, await readSteps(gateway.process.operationsUrl));
  const halfLoad = loads.gateway.perSecond / 2;
  const p99 = await both(async (measured) => quantile(await steadyLoad(measured.target, whole(measured), halfLoad, halfMs), 0.99));
  const firstToken = await both((measured) => firstTokenMs(measured.target, streamed(measured), firstTokens));
  const chunks = await both((measured) => chunksPerSecond(measured.target, streamed(measured), 100, batches));
  return {
    perSecond: { proxy: loads.proxy.perSecond, gateway: loads.gateway.perSecond, peer: loads.peer.perSecond },
    processorMicros: { proxy: loads.proxy.micros, gateway: loads.gateway.micros, peer: loads.peer.micros },
    p50,
    halfLoad,
    p99,
    firstToken,
    chunks,
    steps,
  };
}
