import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { generateSealKeys, Sealer, sealRecord, type LogRecord } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { databaseOn, ownPostgres, type OwnPostgres } from '#testing';
import { sequencerOn } from '../../../apps/governance/audit/sequencer-harness.js';
import { governance } from '../../../apps/governance/governance.service-definition.js';
import { newPseudonym } from '../../../apps/governance/organisations/organisation.js';
import { asTable, median, type Measured } from '../billing/measured.js';
import { NaiveChain } from './naive-chain.js';

const isQuick = process.env['BENCH_QUICK'] === '1';
const rounds = isQuick ? 1 : 5;
const armMs = isQuick ? 500 : 3_000;
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

/** An envelope and a sealed body of together about 600 bytes. */
const recordOf = (at: number): LogRecord => {
  const of = at % tenants.length;
  return sealRecord({ id: ids.uuid(), type: 'admitted', timeMs: Date.now(), fields: { note: randomBytes(84).toString('hex') }, facts: null }, tenants[of]!, sealers[of]!);
};
const bytesOf = ({ envelope, body }: LogRecord): number => Buffer.from(envelope, 'base64').length + Buffer.from(body!.nonce, 'base64').length + Buffer.from(body!.ciphertext, 'base64').length;

beforeAll(async () => {
  Logger.overrideLogger(false);
  server = await ownPostgres({ durable: true });
  const database = await databaseOn(server, 'governance');
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
  for (const { tenant, pseudonym } of tenants) {
    await withTenant(dataSource, '*', (manager) => manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, gen_random_uuid()::text, $2, 0)', [tenant, pseudonym]));
  }
  chain = await NaiveChain.open(server.adminUrl, 32);
}, 120_000);

afterAll(async () => {
  mkdirSync('.mizan/bench', { recursive: true });
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
    const rate = async (): Promise<number> => {
      let spentMs = 0;
      let count = 0;
      while (spentMs < armMs) {
        const records = Array.from({ length: batch }, (_, at) => recordOf(at));
        const start = performance.now();
        count += await sequencer.append(records);
        spentMs += performance.now() - start;
        appended += records.length;
        content += records.reduce((sum, record) => sum + bytesOf(record), 0);
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

    const superuser = await createDataSource(server.adminUrl.replace(/\/[^/]*$/, `/${new URL((dataSource.options as { url: string }).url).pathname.slice(1)}`), 'governance').initialize();
    const size = async (...tables: string[]): Promise<number> => {
      const [row] = await superuser.query<{ bytes: string }[]>('SELECT sum(pg_total_relation_size(t::regclass)) AS bytes FROM unnest($1::text[]) AS t', [tables.map((table) => `governance.${table}`)]);
      return Number(row!.bytes) / appended;
    };
    const beyond = (await size('log_ids', 'log_bundles', 'log_bodies', 'log_tiles', 'log_kinds', 'log_head')) - content / appended;
    rows.push({ measure: 'bytes stored an entry beyond envelope and body', goal: '≤ 180', value: Math.round(beyond).toString(), met: beyond <= 180, note: `${appended} entries in batches of ${batch}; ids and their index ${Math.round(await size('log_ids'))}` });
    await superuser.destroy();
    expect(appended).toBeGreaterThan(batch);
  }, 600_000);
});
