import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { recompute, sha256, toHex, type Recomputation } from '#merkle';
import { generateSealKeys, operatorRecord, Sealer, sealRecord, type LogRecord, type RecordType } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase, type TestDatabase } from '#testing';
import { governance } from '../governance.service-definition.js';
import { newPseudonym } from '../organisations/organisation.js';
import { Pseudonyms } from '../organisations/pseudonyms.service.js';
import { batchOf } from './batch.js';
import { EntryStore } from './entries.store.js';
import { draftOf, type EntryDraft } from './entry.js';
import { LogStore } from './log.store.js';
import { RejectionStore } from './rejections.store.js';
import { Sequencer } from './sequencer.service.js';

const tenant = { tenant: randomUUID(), pseudonym: newPseudonym() };
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const store = new LogStore();
let database: TestDatabase;
let dataSource: DataSource;

const recordOf = (type: RecordType = 'admitted', id: string = randomUUID()): LogRecord =>
  sealRecord({ id, type, timeMs: Date.now(), fields: { model: 'm', salt: randomBytes(4).toString('hex') }, facts: null }, tenant, sealer);
const records = (count: number): LogRecord[] => Array.from({ length: count }, () => recordOf());
const newSequencer = (): Sequencer => new Sequencer(dataSource, store, new RejectionStore(), new Pseudonyms(dataSource));
const headNow = () => withTenant(dataSource, '*', (manager) => store.head(manager));

async function asSuperuser(sql: string, values: unknown[] = []): Promise<void> {
  const superuser = await createDataSource(database.adminUrl, 'governance').initialize();
  await superuser.query(sql, values).finally(() => superuser.destroy());
}

async function verifyLog(): Promise<Recomputation> {
  const reader = await createDataSource(database.verifyUrl, 'governance').initialize();
  try {
    const rows = await reader.query<{ index: string; envelope: Buffer; leaf_hash: Buffer }[]>('SELECT index, envelope, leaf_hash FROM governance.log_entries ORDER BY index');
    const [head] = await reader.query<{ size: string; root: Buffer }[]>('SELECT size, root FROM governance.log_head');
    const leaves = rows.map(({ index, envelope, leaf_hash }) => ({ index: Number(index), entry: envelope, leafHash: leaf_hash }));
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
}, 60_000);

beforeEach(() =>
  asSuperuser(`TRUNCATE governance.log_entries, governance.log_bodies, governance.log_nodes, governance.log_rejections;
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
    await newSequencer().append([record, operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 0, fields: { nanos: '5' }, facts: null })]);
    const rows = await withTenant(dataSource, '*', (manager) =>
      manager.query<{ envelope: Buffer; ciphertext: Buffer | null; fields: unknown }[]>('SELECT envelope, ciphertext, fields FROM governance.log_entries JOIN governance.log_bodies USING (index) ORDER BY index'),
    );
    expect(rows[0]).toEqual({ envelope: Buffer.from(record.envelope, 'base64'), ciphertext: Buffer.from(record.body!.ciphertext, 'base64'), fields: null });
    expect(rows[1]).toMatchObject({ ciphertext: null, fields: { nanos: '5' } });
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
    const append = (): Promise<void> =>
      withTenant(dataSource, '*', async (manager) => {
        const edge = await store.edge(manager, await store.head(manager));
        const drafts = records(2).map((record) => draftOf(record, () => tenant.pseudonym) as EntryDraft);
        await new Promise((resolve) => setTimeout(resolve, 50));
        await store.append(manager, batchOf(edge, drafts));
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
    await newSequencer().append(records(20));
    await asSuperuser('UPDATE governance.log_entries SET envelope = set_byte(envelope, 10, get_byte(envelope, 10) # 1) WHERE index = 7');
    expect(await verifyLog()).toMatchObject({ holds: false, wrongIndex: 7 });
  });

  it('takes no more entries once its edge does not give its root', async () => {
    await newSequencer().append(records(6));
    const before = toHex((await headNow()).root);
    await asSuperuser('UPDATE governance.log_nodes SET hash = set_byte(hash, 0, get_byte(hash, 0) # 1) WHERE level = 2');
    await expect(newSequencer().append(records(1))).rejects.toThrow('do not give its root');
    expect(toHex((await headNow()).root)).toBe(before);
  });

  it('was not tampered with by the service itself, whose role may not', async () => {
    await newSequencer().append(records(1));
    for (const table of ['log_entries', 'log_bodies', 'log_nodes', 'log_rejections']) {
      for (const sql of [`UPDATE governance.${table} SET index = 9`, `DELETE FROM governance.${table}`, `TRUNCATE governance.${table} CASCADE`]) {
        await expect(withTenant(dataSource, '*', (manager) => manager.query(sql.replace('log_rejections SET index = 9', "log_rejections SET reason = ''")))).rejects.toThrow('permission denied');
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
