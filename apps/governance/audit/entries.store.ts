import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { unpackBundle } from '#merkle';
import type { RecordType, SealedBody } from '#protocol';
import { entryKey } from './entry.js';
import { unpackBody } from './packed-bodies.js';

/** An entry of the log as it is read back. */
export interface StoredEntry {
  readonly index: number;
  readonly id: string;
  readonly type: RecordType;
  readonly tenant: string | null;
  readonly envelope: Buffer;
  readonly body: SealedBody | null;
  readonly fields: Record<string, unknown> | null;
}

interface EntryRow {
  index: string;
  id: string;
  type: RecordType;
  tenant: string | null;
  first: string;
}

interface BodiesRow {
  first: string;
  seal_key_id: string | null;
  wrapped_key: Buffer | null;
  positions: Buffer;
  bodies: Buffer;
}

/** The piece of a bundle that an entry is in begins where the last one at or before it does. */
const withFirst = '(SELECT b.first FROM governance.log_bundles b WHERE b.first <= e.index ORDER BY b.first DESC LIMIT 1) AS first';

/** Reads entries; row-level security decides which. */
@Injectable()
export class EntryStore {
  /** All entries of one record with their bodies, in the order of the log. */
  ofRecord(manager: EntityManager, id: string): Promise<StoredEntry[]> {
    return this.ofRecords(manager, [id]);
  }

  /** The same of some records. */
  async ofRecords(manager: EntityManager, ids: readonly string[]): Promise<StoredEntry[]> {
    const rows = await manager.query<EntryRow[]>(`SELECT e.*, ${withFirst} FROM governance.log_entries e WHERE e.id = ANY($1::uuid[]) ORDER BY e.index`, [ids]);
    const packs = await manager.query<BodiesRow[]>('SELECT first, seal_key_id, wrapped_key, positions, bodies FROM governance.log_bodies WHERE first = ANY($1::bigint[])', [
      [...new Set(rows.map(({ first }) => first))],
    ]);
    const entries = await this.withEnvelopes(manager, rows);
    return entries.map((entry, at) => {
      const found = packs.filter(({ first }) => first === rows[at]!.first).map((pack) => unpackBody(toPack(pack), entry.index));
      const { body = null, fields = null } = found.find((one) => one !== null) ?? {};
      return { ...entry, body, fields };
    });
  }

  /** The entries with these indices, in that order, without bodies. */
  async at(manager: EntityManager, indices: readonly number[], ids: readonly string[]): Promise<StoredEntry[]> {
    const rows = await manager.query<EntryRow[]>(
      `SELECT e.*, ${withFirst} FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS asked (index, id, place) JOIN governance.log_entries e USING (id, index) ORDER BY place`,
      [indices, ids],
    );
    return this.withEnvelopes(manager, rows);
  }

  /** Leaf hashes of all entries of some records, by {@link entryKey}. */
  async leavesOf(manager: EntityManager, ids: readonly string[]): Promise<Map<string, Uint8Array>> {
    const rows = await manager.query<{ id: string; type: string; leaf: Buffer }[]>(
      `SELECT e.id, e.type, substring(b.hashes FROM (e.index - b.first)::int * 32 + 1 FOR 32) AS leaf
       FROM unnest($1::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT id, type, index FROM governance.log_entries WHERE id = asked.id OFFSET 0) e
       CROSS JOIN LATERAL (SELECT first, hashes FROM governance.log_bundles WHERE first <= e.index ORDER BY first DESC LIMIT 1) b`,
      [[...new Set(ids)]],
    );
    return new Map(rows.map((row) => [entryKey(row), row.leaf]));
  }

  private async withEnvelopes(manager: EntityManager, rows: readonly EntryRow[]): Promise<StoredEntry[]> {
    const pieces = await manager.query<{ first: string; entries: Buffer }[]>('SELECT first, entries FROM governance.log_bundles WHERE first = ANY($1::bigint[])', [
      [...new Set(rows.map(({ first }) => first))],
    ]);
    const envelopes = new Map(pieces.map(({ first, entries }) => [first, unpackBundle(entries)]));
    return rows.map(({ index, id, type, tenant, first }) => ({
      index: Number(index), id, type, tenant, envelope: Buffer.from(envelopes.get(first)![Number(index) - Number(first)]!), body: null, fields: null,
    }));
  }
}

const toPack = (row: BodiesRow) => ({ first: Number(row.first), sealKeyId: row.seal_key_id, wrappedKey: row.wrapped_key, positions: row.positions, bodies: row.bodies });
