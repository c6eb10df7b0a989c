import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { Outbox } from '#messaging';
import { closedRun, generateSealKeys, operatorRecord, packRecords, recordCommit, Sealer, sealRecord, unpackRecords, type ClosedRun, type LogRecord } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase, type TestDatabase } from '#testing';
import { sequencerOn } from '../audit/sequencer-harness.js';
import { governance } from '../governance.service-definition.js';
import { newPseudonym } from '../organisations/organisation.js';
import { DecisionCountStore } from './decision-counts.store.js';
import { GatewayRunStore } from './gateway-runs.store.js';
import { SilentRuns } from './silent-runs.service.js';

const tenant = { tenant: randomUUID(), pseudonym: newPseudonym() };
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const clock = new SystemClock();
const ids = new SystemIds(clock);
let database: TestDatabase;
let dataSource: DataSource;
let silent: SilentRuns;

const decided = (run: string, number: number): LogRecord => sealRecord({ id: ids.uuid(), type: 'refused', timeMs: Date.now(), fields: {}, facts: null, number: { gateway: 'gw-1', run, number } }, tenant, sealer);
const counted = (run: string, from: number, records: readonly LogRecord[], final = false): LogRecord =>
  operatorRecord({
    id: ids.uuid(), type: 'decisions.counted', timeMs: Date.now(), facts: null,
    fields: { gateway: 'gw-1', run, from, to: from + records.length - 1, records: packRecords(records.map(({ id }) => id)), unconfirmed: [], leaves: '0'.repeat(64), final },
  });
const append = (...records: LogRecord[]): Promise<number> => sequencerOn(dataSource).append(records);
const tellings = (): Promise<ClosedRun[]> =>
  withTenant(dataSource, '*', async (manager) => {
    const rows = await manager.query<{ payload: string }[]>('SELECT payload FROM governance.outbox ORDER BY id');
    await manager.query('DELETE FROM governance.outbox');
    return rows.map(({ payload }) => closedRun.parse(recordCommit.parse(JSON.parse(payload)).records[0]!.fields));
  });

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase({ service: 'governance' });
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
  await withTenant(dataSource, '*', (manager) =>
    manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, $2, $3, 0)', [tenant.tenant, 'Bank', tenant.pseudonym]),
  );
  silent = new SilentRuns(dataSource, new GatewayRunStore(new DecisionCountStore()), new Outbox('governance', ids), ids, clock);
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

describe('a gateway that died', () => {
  it('is closed by what has arrived beyond its last count, and by what has not', async () => {
    const run = randomUUID();
    const [one, two, three, five] = [decided(run, 1), decided(run, 2), decided(run, 3), decided(run, 5)];
    await append(one, two);
    await append(counted(run, 1, [one]), five, three);
    expect(await silent.close(60_000, 60_000)).toBe(0);
    expect(await silent.close(0, 60_000)).toBe(1);
    const [closed] = await tellings();
    expect(closed).toMatchObject({ gateway: 'gw-1', run, countedTo: 1, lastKnown: 5, numbers: [2, 3, 5], missing: [4] });
    expect(unpackRecords(closed!.records)).toEqual([two.id, three.id, five.id]);
    expect(await silent.close(0, 0)).toBe(0);
  });

  it('is closed after long silence also when all was counted, and not when it had said its end', async () => {
    const [quiet, ended] = [randomUUID(), randomUUID()];
    const [one, other] = [decided(quiet, 1), decided(ended, 1)];
    await append(one, counted(quiet, 1, [one]), other, counted(ended, 1, [other], true));
    expect(await silent.close(0, 60_000)).toBe(0);
    expect(await silent.close(0, 0)).toBe(1);
    expect(await tellings()).toMatchObject([{ run: quiet, countedTo: 1, lastKnown: 1, numbers: [], missing: [] }]);
  });

  it('is open again when it gives a sign after all', async () => {
    const run = randomUUID();
    const [one, two] = [decided(run, 1), decided(run, 2)];
    await append(one);
    expect(await silent.close(0, 60_000)).toBe(1);
    await append(two, two);
    expect(await silent.close(0, 60_000)).toBe(1);
    expect((await tellings()).map(({ numbers }) => numbers)).toEqual([[1], [1, 2]]);
  });
});
