import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { recompute, sha256, toHex, unpackBundle, type Recomputation } from '#merkle';
import { generateSealKeys, operatorRecord, Sealer, sealRecord, type LogRecord, type RecordType } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase, type TestDatabase } from '#testing';
import { governance } from '../governance.service-definition.js';
import { newPseudonym } from '../organisations/organisation.js';
import { batchOf } from './batch.js';
import { EntryStore } from './entries.store.js';
import { draftOf, type EntryDraft } from './entry.js';
import { Kinds } from './kinds.service.js';
import { LogStore } from './log.store.js';
import { sequencerOn } from './sequencer-harness.js';
import type { Sequencer } from './sequencer.service.js';
import { TileStore } from './tiles.store.js';

const tenant = { tenant: randomUUID(), pseudonym: newPseudonym() };
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const store = new LogStore();
let database: TestDatabase;
let dataSource: DataSource;

const recordOf = (type: RecordType = 'admitted', id: string = randomUUID()): LogRecord =>
  sealRecord({ id, type, timeMs: Date.now(), fields: { model: 'm', salt: randomBytes(4).toString('hex') }, facts: null }, tenant, sealer);
const records = (count: number): LogRecord[] => Array.from({ length: count }, () => recordOf());
const newSequencer = (): Sequencer => sequencerOn(dataSource);
const headNow = () => withTenant(dataSource, '*', (manager) => store.head(manager));

async function asSuperuser(sql: string, values: unknown[] = []): Promise<void> {
  const superuser = await createDataSource(database.adminUrl, 'governance').initialize();
  await superuser.query(sql, values).finally(() => superuser.destroy());
}

async function verifyLog(): Promise<Recomputation> {
  const reader = await createDataSource(database.verifyUrl, 'governance').initialize();
  try {
    const rows = await reader.query<{ first: string; entries: Buffer; hashes: Buffer }[]>('SELECT first, entries, hashes FROM governance.log_bundles ORDER BY first');
    const [head] = await reader.query<{ size: string; root: Buffer }[]>('SELECT size, root FROM governance.log_head');
    const leaves = rows.flatMap(({ first, entries, hashes }) =>
      unpackBundle(entries).map((entry, at) => ({ index: Number(first) + at, entry, leafHash: hashes.subarray(at * 32, at * 32 + 32) })),
    );
    return recompute(sha256, leaves, { size: Number(head!.size), root: head!.root });
  } finally {
    await reader.destroy();
  }
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase({ service: 'governance' });
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
  await withTenant(dataSource, '*', (manager) =>
    manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, $2, $3, 0)', [tenant.tenant, 'Bank', tenant.pseudonym]),
  );
});

beforeEach(() =>
  asSuperuser(`TRUNCATE governance.log_bundles, governance.log_ids, governance.log_bodies, governance.log_tiles, governance.log_rejections, governance.search_queue, governance.search_entries, governance.search_policies;
    UPDATE governance.log_head SET size = 0, root = sha256('')`),
);

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

describe('the sequencer', () => {
  it('gives each record one entry, however often it is delivered', async () => {
    const id = randomUUID();
    const admitted = recordOf('admitted', id);
    const sequencer = newSequencer();
    expect(await sequencer.append([admitted, admitted, recordOf('completed', id)])).toBe(2);
    expect(await sequencer.append([admitted])).toBe(0);
    expect(await newSequencer().append([admitted, recordOf('completed', id), recordOf()])).toBe(1);
    expect((await headNow()).size).toBe(3);
    expect((await verifyLog()).holds).toBe(true);
  });

  it('keeps the exact bytes of the envelope and the sealed body beside', async () => {
    const record = recordOf();
    const price = operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 0, fields: { nanos: '5' }, facts: null });
    await newSequencer().append([record, price]);
    const [stored] = await withTenant(dataSource, tenant.tenant, (manager) => new EntryStore().ofRecord(manager, record.id));
    expect(stored).toMatchObject({ envelope: Buffer.from(record.envelope, 'base64'), body: record.body, fields: null });
    const [own] = await withTenant(dataSource, '*', (manager) => new EntryStore().ofRecord(manager, price.id));
    expect(own).toMatchObject({ body: null, fields: { nanos: '5' } });
    expect(await withTenant(dataSource, tenant.tenant, (manager) => new EntryStore().ofRecord(manager, price.id))).toEqual([]);
  });

  it('continues the same tree after a restart, whatever the size', async () => {
    let expected = 0;
    for (const count of [1, 2, 5, 8, 13, 64, 3]) {
      expected += await newSequencer().append(records(count));
      await expect(newSequencer().check()).resolves.toBeUndefined();
    }
    const verified = await verifyLog();
    expect(verified).toMatchObject({ holds: true });
    expect(await headNow()).toMatchObject({ size: expected });
  });

  it('lets many run at once and leaves no gap and no fork', async () => {
    const sequencers = [newSequencer(), newSequencer(), newSequencer()];
    const batches = Array.from({ length: 24 }, () => records(5));
    await Promise.all(batches.map((batch, i) => sequencers[i % 3]!.append(batch)));
    expect((await headNow()).size).toBe(120);
    expect((await verifyLog()).holds).toBe(true);
  });

  it('cannot be outrun: of two appends from the same size, without the lock, one fails', async () => {
    await newSequencer().append(records(3));
    const codeOf = await new Kinds(dataSource).of([{ tenant: tenant.tenant, type: 'admitted' }]);
    const append = (): Promise<void> =>
      withTenant(dataSource, '*', async (manager) => {
        const edge = await new TileStore().edge(manager, await store.head(manager));
        const drafts = records(2).map((record) => draftOf(record, () => tenant.pseudonym) as EntryDraft);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await store.append(manager, batchOf(edge, drafts), codeOf);
      });
    const results = await Promise.allSettled([append(), append()]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect((await headNow()).size).toBe(5);
    expect((await verifyLog()).holds).toBe(true);
  });

  it('takes whatever text a record holds, and gives it back as it was', async () => {
    const fields = { name: 'a\u0000b \ud800', large: 1e300 };
    const record = operatorRecord({ id: randomUUID(), type: 'node.enrolled', timeMs: 0, fields, facts: null });
    const other = { ...operatorRecord({ id: randomUUID(), type: 'node.enrolled', timeMs: 0, fields, facts: null }), id: randomUUID() };
    expect(await newSequencer().append([record, other, recordOf()])).toBe(2);
    const [stored] = await withTenant(dataSource, '*', (manager) => new EntryStore().ofRecord(manager, record.id));
    expect(stored!.fields).toEqual(fields);
  });

  it('keeps what is no entry outside the log, and goes on', async () => {
    const forged = { ...recordOf(), id: randomUUID() };
    const stranger = { ...recordOf(), tenant: randomUUID() };
    expect(await newSequencer().append([forged, recordOf(), stranger])).toBe(1);
    expect(await newSequencer().append([forged])).toBe(0);
    const kept = await withTenant(dataSource, '*', (manager) => manager.query<{ id: string; reason: string }[]>('SELECT id, reason FROM governance.log_rejections'));
    expect(kept.map(({ id }) => id).sort()).toEqual([forged.id, stranger.id].sort());
  });
});

describe('a log that was tampered with', () => {
  it('is found out by recomputation, which names the entry', async () => {
    const logged = records(20);
    await newSequencer().append(logged);
    const inTheSeventh = logged.slice(0, 7).reduce((bytes, { envelope }) => bytes + 2 + Buffer.from(envelope, 'base64').length, 0) + 100;
    await asSuperuser('UPDATE governance.log_bundles SET entries = set_byte(entries, $1, get_byte(entries, $1) # 1)', [inTheSeventh]);
    expect(await verifyLog()).toMatchObject({ holds: false, wrongIndex: 7 });
  });

  it('takes no more entries once its edge does not give its root', async () => {
    await newSequencer().append(records(6));
    const before = toHex((await headNow()).root);
    await asSuperuser('UPDATE governance.log_bundles SET hashes = set_byte(hashes, 40, get_byte(hashes, 40) # 1)');
    await expect(newSequencer().append(records(1))).rejects.toThrow('do not give its root');
    expect(toHex((await headNow()).root)).toBe(before);
  });

  it('was not tampered with by the service itself, whose role may not', async () => {
    await newSequencer().append(records(1));
    for (const [table, column] of Object.entries({ log_bundles: 'first', log_ids: 'index', log_bodies: 'first', log_tiles: 'index', log_kinds: 'type', log_rejections: 'reason' })) {
      for (const sql of [`UPDATE governance.${table} SET ${column} = ${column}`, `DELETE FROM governance.${table}`, `TRUNCATE governance.${table} CASCADE`]) {
        await expect(withTenant(dataSource, '*', (manager) => manager.query(sql))).rejects.toThrow('permission denied');
      }
    }
    await expect(withTenant(dataSource, '*', (manager) => manager.query('DELETE FROM governance.log_head'))).rejects.toThrow('permission denied');
  });

  it('shows a tenant only its own rows', async () => {
    await newSequencer().append(records(2));
    const count = (as: string): Promise<{ count: string }[]> => withTenant(dataSource, as, (manager) => manager.query('SELECT count(*) FROM governance.log_entries'));
    expect(await count(tenant.tenant)).toEqual([{ count: '2' }]);
    expect(await count(randomUUID())).toEqual([{ count: '0' }]);
    expect(await dataSource.query('SELECT count(*) FROM governance.log_entries')).toEqual([{ count: '0' }]);
  });
});
