import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { generateSealKeys, Sealer, sealRecord, type LogRecord } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { databaseOn, ownPostgres, type OwnPostgres } from '#testing';
import { sequencerOn } from '../../../apps/governance/audit/sequencer-harness.js';
import { governance } from '../../../apps/governance/governance.service-definition.js';
import { newPseudonym } from '../../../apps/governance/organisations/organisation.js';
import type { Sequencer } from '../../../apps/governance/audit/sequencer.service.js';
import { exampleText } from '../../../libs/merkle/bundle-harness.js';
import { LogStack } from '../../audit/log-stack.js';
import { asTable, median, percentile, type Measured } from '../billing/measured.js';
import { NaiveChain } from './naive-chain.js';
import { promisedIndex } from './promised-index.js';
import { storedBytes } from './stored-bytes.js';
import { fillSearch, growLog, p99, proofTimes, searchTimes, vacuumed } from './ten-million.js';

const isQuick = process.env['BENCH_QUICK'] === '1';
const rounds = isQuick ? 1 : 5;
const armMs = isQuick ? 500 : 3_000;
const storedAtLeast = isQuick ? 20_000 : 100_000;
const promiseMs = isQuick ? 3_000 : 20_000;
const logEntries = Number(process.env['MIZAN_BENCH_LOG_ENTRIES'] ?? (isQuick ? 100_000 : 10_000_000));
const proofCount = isQuick ? 300 : 5_000;
const searchCount = isQuick ? 200 : 2_000;
/** What one transaction takes under load: the consumer's most. */
const batch = 4_096;
const tenants = Array.from({ length: 4 }, () => ({ tenant: randomUUID(), pseudonym: newPseudonym() }));
const sealers = tenants.map(() => new Sealer(generateSealKeys().publicKey, randomUUID()));
/** Ids as producers make them: ordered by time. */
const ids = new SystemIds(new SystemClock());
const rows: Measured[] = [];
let server: OwnPostgres;
let dataSource: DataSource;
let chain: NaiveChain;
let adminUrl: string;

/** Requests whose end was not logged yet: as many as 4,096 are under way. */
const open: string[] = [];
/** An envelope and a sealed body of together about 600 bytes. */
const recordOf = (at: number): LogRecord => {
  const of = at % tenants.length;
  const ended = at % 2 === 1 && open.length > batch ? open.shift() : undefined;
  const id = ended ?? ids.uuid();
  if (ended === undefined) open.push(id);
  const type = ended === undefined ? 'admitted' : 'completed';
  return sealRecord({ id, type, timeMs: Date.now(), fields: { note: randomBytes(84).toString('hex') }, facts: null }, tenants[of]!, sealers[of]!);
};
const bytesOf = ({ envelope, body }: LogRecord): number => Buffer.from(envelope, 'base64').length + Buffer.from(body!.nonce, 'base64').length + Buffer.from(body!.ciphertext, 'base64').length;

beforeAll(async () => {
  mkdirSync('.mizan/bench', { recursive: true });
  Logger.overrideLogger(false);
  server = await ownPostgres({ durable: true });
  const database = await databaseOn(server, 'governance');
  adminUrl = database.adminUrl;
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
  for (const { tenant, pseudonym } of tenants) {
    await withTenant(dataSource, '*', (manager) => manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, gen_random_uuid()::text, $2, 0)', [tenant, pseudonym]));
  }
  chain = await NaiveChain.open(server.adminUrl, 32);
}, 120_000);

afterAll(async () => {
  writeFileSync('.mizan/bench/audit.json', `${JSON.stringify({ measuredAt: new Date().toISOString(), rows: rows.map(({ measure, value, goal, met }) => ({ measure, value, goal, holds: met })) }, null, 2)}\n`);
  process.stdout.write(`\n${asTable(rows)}\n\n.mizan/bench/audit.json\n`);
  await chain?.close();
  await dataSource?.destroy();
  await server?.remove();
}, 60_000);

describe('the audit log', () => {
  it('appends', async () => {
    const sequencer = sequencerOn(dataSource);
    let appended = 0;
    let content = 0;
    const append = async (to: Sequencer): Promise<{ count: number; ms: number }> => {
      const records = Array.from({ length: batch }, (_, at) => recordOf(at));
      const start = performance.now();
      const count = await to.append(records);
      appended += records.length;
      content += records.reduce((sum, record) => sum + bytesOf(record), 0);
      return { count, ms: performance.now() - start };
    };
    const rate = async (): Promise<number> => {
      let [spentMs, count] = [0, 0];
      while (spentMs < armMs) {
        const one = await append(sequencer);
        spentMs += one.ms;
        count += one.count;
      }
      return (count * 1_000) / spentMs;
    };
    await rate();
    const entry = randomBytes(600);
    const chains = { 1: [] as number[], 8: [] as number[], 32: [] as number[] };
    const ratios: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const workers of [1, 8, 32] as const) chains[workers].push(await chain.rate(workers, armMs, entry));
      rates.push(await rate());
      ratios.push(rates.at(-1)! / Math.max(...Object.values(chains).map((values) => values.at(-1)!)));
    }
    const ratio = median(ratios);
    const said = Object.values(chains).map((values) => Math.round(median(values))).join(' / ');
    rows.push({ measure: 'entries/s appended durably ÷ hash chain', goal: '≥ 12', value: ratio.toFixed(1), met: ratio >= 12, note: `${Math.round(median(rates))}/s ÷ best of ${said}/s with 1 / 8 / 32 workers; ${Math.round(content / appended)} bytes an entry` });

    // At fewer, half-filled pages and the maps of free space would be counted many times over.
    while (appended < storedAtLeast) await append(sequencer);
    const superuser = await createDataSource(adminUrl, 'governance').initialize();
    const { total, parts } = await storedBytes(superuser);
    await superuser.destroy();
    const beyond = (total - content) / appended;
    const ids = (parts['log_ids']! + parts['log_ids indexes']!) / appended;
    rows.push({ measure: 'bytes stored an entry beyond envelope and body', goal: '≤ 180', value: beyond.toFixed(0), met: beyond <= 180, note: `${appended} entries in batches of ${batch}, of ${tenants.length} organisations, half of them the end of a request; record, kind and index with their index ${ids.toFixed(0)}, leaf hash 32` });
    expect(appended).toBeGreaterThan(batch);
  }, 600_000);

  it('is verified by an outsider', async () => {
    const bundle = join(process.cwd(), '.mizan/bench/bundle.json');
    writeFileSync(bundle, exampleText({ before: 2 ** 20 }));
    const measured: Record<string, number> = {};
    for (const what of ['log', 'proofs', 'bundles', 'signatures']) {
      const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'verification.mjs'), what, bundle]);
      Object.assign(measured, JSON.parse(stdout));
    }
    const { entries, wholeLogSeconds, proofsPerSecond, bundlesPerSecond, bundleBytes, signaturesPerSecond } = measured;
    const aMillionSeconds = (wholeLogSeconds! * 1_000_000) / entries!;
    rows.push({ measure: 're-verify a log of 1 million entries from its bundles, one core', goal: '≤ 15 s', value: `${aMillionSeconds.toFixed(1)} s`, met: aMillionSeconds <= 15, note: `${entries} entries of 600 bytes, seconds of processor time` });
    const said = `a record, its policy, prices, offers and anchor, a checkpoint with two cosignatures and a receipt, in a log of a million: ${bundleBytes} bytes, four signatures, of which one core checks ${Math.round(signaturesPerSecond!)}/s and nothing else`;
    rows.push({ measure: 'verify one bundle, one core', goal: '≥ 2,000/s', value: `${Math.round(bundlesPerSecond!)}/s`, met: bundlesPerSecond! >= 2_000, note: said });
    rows.push({ measure: 'verify one proof: an entry, 20 hashes and a checkpoint', goal: 'reported', value: `${Math.round(proofsPerSecond!)}/s`, met: true, note: 'one signature' });
  }, 300_000);

  it('promises an index', async () => {
    const stack = await LogStack.start({ durable: true });
    try {
      const { entries, offeredPerSecond, loggedPerSecond, p50Ms, p99Ms } = await promisedIndex(stack, promiseMs);
      const note = `${entries} entries offered at ${offeredPerSecond}/s in messages of 5, logged at ${Math.round(loggedPerSecond)}/s: stream, service and database are real, with fsync; seen from outside every 3 ms`;
      rows.push({ measure: 'event in JetStream to promised index at 5,000 entries/s, p50', goal: '≤ 60 ms', value: `${p50Ms.toFixed(0)} ms`, met: p50Ms <= 60, note });
      rows.push({ measure: 'the same, p99', goal: '≤ 110 ms', value: `${p99Ms.toFixed(0)} ms`, met: p99Ms <= 110, note: '' });
    } finally {
      await stack.stop();
    }
  }, 300_000);

  it(`proves and finds among ${logEntries} entries`, async () => {
    const large = await ownPostgres();
    const database = await databaseOn(large, 'governance');
    await migrate(governance, database.ownerUrl);
    const [source, owner] = await Promise.all([createDataSource(database.url, 'governance').initialize(), createDataSource(database.adminUrl, 'governance').initialize()]);
    try {
      await growLog(source, logEntries, tenants[0]!);
      await vacuumed(owner);
      const proofs = await proofTimes(source, logEntries, proofCount);
      const said = `${logEntries} entries in the pieces that 5,000/s leave, proofs of random ones one after the other, p50 ${percentile(proofs, 0.5).toFixed(1)} ms`;
      rows.push({ measure: 'inclusion proof from tiles, p99', goal: '≤ 5 ms', value: `${p99(proofs).toFixed(1)} ms`, met: p99(proofs) <= 5, note: said });
      await fillSearch(owner);
      await vacuumed(owner);
      const searches = await searchTimes(source, tenants[0]!.tenant, logEntries, searchCount);
      rows.push({ measure: 'search, a page of fifty, p99', goal: 'reported', value: `${p99(searches).toFixed(1)} ms`, met: true, note: `the same log, ten filters in turn, half of the pages from a random place on; p50 ${percentile(searches, 0.5).toFixed(1)} ms` });
    } finally {
      await Promise.all([source.destroy(), owner.destroy()]);
      await large.remove();
    }
  }, 2_700_000);
});
