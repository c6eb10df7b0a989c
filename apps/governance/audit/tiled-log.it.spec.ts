import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { leafHash, RightEdge, sha256 } from '#merkle';
import { generateSealKeys, operatorRecord, Sealer, sealRecord, type LogRecord } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase, type TestDatabase } from '#testing';
import { governance } from '../governance.service-definition.js';
import { newPseudonym } from '../organisations/organisation.js';
import { SearchStore } from '../search/search.store.js';
import { EntryStore } from './entries.store.js';
import { sequencerOn } from './sequencer-harness.js';

const tenant = { tenant: randomUUID(), pseudonym: newPseudonym() };
const sealers = [0, 1].map(() => new Sealer(generateSealKeys().publicKey, randomUUID()));
const records: LogRecord[] = Array.from({ length: 700 }, (_, at) =>
  at % 3 === 0
    ? operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: at * 1_000, fields: { number: at, text: 'a\u0000b ü' }, facts: null })
    : sealRecord({ id: randomUUID(), type: 'admitted', timeMs: at * 1_000, fields: { number: at }, facts: null }, tenant, sealers[at % 2]!),
);
let database: TestDatabase;
let dataSource: DataSource;

/** As it was written before: a row for each entry, each body and each inner node. */
async function insertAsBefore(source: DataSource): Promise<void> {
  const edge = RightEdge.empty(sha256);
  await source.query("SELECT set_config('app.tenant', '*', false)");
  for (const [index, { id, type, tenant: of, envelope, body, fields }] of records.entries()) {
    const bytes = Buffer.from(envelope, 'base64');
    const [leaf, ...inner] = edge.append(leafHash(sha256, bytes));
    await source.query('INSERT INTO governance.log_entries (index, id, type, tenant, time_ms, envelope, leaf_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)', [index, id, type, of, index * 1_000, bytes, Buffer.from(leaf!.hash)]);
    const sealed = body === null ? [null, null, null, null] : [body.sealKeyId, ...[body.wrappedKey, body.nonce, body.ciphertext].map((text) => Buffer.from(text, 'base64'))];
    await source.query('INSERT INTO governance.log_bodies (index, tenant, seal_key_id, wrapped_key, nonce, ciphertext, fields) VALUES ($1, $2, $3, $4, $5, $6, $7)', [index, of, ...sealed, fields && JSON.stringify(fields)]);
    for (const { level, index: at, hash } of inner) await source.query('INSERT INTO governance.log_nodes VALUES ($1, $2, $3)', [level, at, Buffer.from(hash)]);
  }
  await source.query('UPDATE governance.log_head SET size = $1, root = $2', [edge.size, Buffer.from(edge.root())]);
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase({ service: 'governance' });
  await migrate({ name: 'governance', migrations: governance.migrations.slice(0, governance.migrations.findIndex(({ name }) => name.startsWith('TiledLog'))) }, database.ownerUrl);
  const owner = await createDataSource(database.ownerUrl, 'governance').setOptions({ poolSize: 1 }).initialize();
  await owner.query("SELECT set_config('app.tenant', '*', false)");
  await owner.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, $2, $3, 0)', [tenant.tenant, 'Bank', tenant.pseudonym]);
  await insertAsBefore(owner);
  await owner.destroy();
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

describe('a log from before it was kept in tiles', () => {
  it('is the same log: its edge gives its root, it knows its records and takes new ones', async () => {
    await sequencerOn(dataSource).check();
    expect(await sequencerOn(dataSource).append(records.slice(300))).toBe(0);
    const next = sealRecord({ id: records[1]!.id, type: 'completed', timeMs: 0, fields: {}, facts: null }, tenant, sealers[0]!);
    expect(await sequencerOn(dataSource).append([next])).toBe(1);
    await sequencerOn(dataSource).check();
  });

  it('gives every entry and body back as it was', async () => {
    for (const index of [0, 1, 2, 254, 255, 256, 257, 258, 511, 512, 697, 698, 699]) {
      const { id, envelope, body, fields } = records[index]!;
      const [stored] = await withTenant(dataSource, '*', (manager) => new EntryStore().ofRecord(manager, id));
      expect(stored).toMatchObject({ index, id, envelope: Buffer.from(envelope, 'base64'), body, fields });
    }
  });

  it('is found by its times', async () => {
    const found = await withTenant(dataSource, tenant.tenant, (manager) => new SearchStore().find(manager, { tenant: tenant.tenant, fromMs: 500_000, untilMs: 504_000, limit: 10 }));
    expect(found.map(({ index }) => index)).toEqual([503, 502, 500]);
  });
});
