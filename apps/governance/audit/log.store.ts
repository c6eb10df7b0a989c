import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { assert } from '#kernel';
import { failure } from '#protocol';
import { arrayOf, prepared, slicesOf } from '#service';
import type { Batch } from './batch.js';
import { entryKey, type EntryDraft } from './entry.js';
import type { Kind } from './kinds.service.js';

/** Size and root of the stored tree. */
export interface Head {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Names the log's lock among the advisory locks of the database. */
const logLock = 7_013_001;

const lockLog = { name: 'log lock', text: 'SELECT pg_advisory_xact_lock($1)' };
const readHead = { name: 'log head', text: 'SELECT size, root FROM governance.log_head' };
const findKnown = {
  name: 'log known',
  // One look into the index for each: over the whole array at once the planner reads the table, as long as it takes that for a small one.
  text: `SELECT asked.id, k.type FROM unnest($1::uuid[]) AS asked (id) CROSS JOIN LATERAL (SELECT kind FROM governance.log_ids WHERE id = asked.id OFFSET 0) i JOIN governance.log_kinds k ON k.code = i.kind`,
};
const moveHead = { name: 'log move head', text: 'UPDATE governance.log_head SET size = $2, root = $3, updated_at = now() WHERE size = $1 RETURNING size' };
const addIds = {
  name: 'log add ids',
  // By id, which begins with a time: nearly all go to the end of the index, whose pages are filled.
  text: 'INSERT INTO governance.log_ids (id, kind, index) SELECT id, kind, $3::bigint + place - 1 FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS entry (id, kind, place) ORDER BY id',
};
const addBundles = {
  name: 'log add bundles',
  text: `INSERT INTO governance.log_bundles (first, entries, hashes)
    SELECT first, substring($2::bytea FROM entries_start FOR entries_length), substring($5::bytea FROM hashes_start FOR hashes_length)
    FROM unnest($1::bigint[], $3::int[], $4::int[], $6::int[], $7::int[]) AS piece (first, entries_start, entries_length, hashes_start, hashes_length)`,
};
const addBodies = {
  name: 'log add bodies',
  text: `INSERT INTO governance.log_bodies (first, part, tenant, seal_key_id, wrapped_key, positions, bodies)
    SELECT first, part, tenant, seal_key_id, wrapped_key, positions, substring($7::bytea FROM start FOR length)
    FROM unnest($1::bigint[], $2::smallint[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $8::int[], $9::int[]) AS pack (first, part, tenant, seal_key_id, wrapped_key, positions, start, length)`,
};
const addTiles = { name: 'log add tiles', text: 'INSERT INTO governance.log_tiles (level, index, root) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])' };

/** The tables of the log. Every method runs in the caller's transaction, which must see all tenants. */
@Injectable()
export class LogStore {
  /**
   * Makes sequencers take turns until the transaction ends. It saves them from failing; that only one can append from a given
   * size is the doing of {@link LogStore.append} alone.
   */
  async lock(manager: EntityManager): Promise<void> {
    await prepared(manager, lockLog, [logLock]);
  }

  async head(manager: EntityManager): Promise<Head> {
    const [row] = await prepared<{ size: string; root: Buffer }>(manager, readHead, []);
    assert(row !== undefined, 'the log has a head');
    return { size: Number(row.size), root: row.root };
  }

  /**
   * Which of these are in the log already, as {@link entryKey}s. Asked after the head was read: whoever appends one of them in between makes
   * {@link LogStore.append} fail.
   */
  async known(manager: EntityManager, drafts: readonly EntryDraft[]): Promise<Set<string>> {
    return new Set((await prepared<{ id: string; type: string }>(manager, findKnown, [arrayOf(drafts.map(({ id }) => id))])).map(entryKey));
  }

  /** Writes a batch after the head it was made from. Error: `CONFLICT` when the log has another size by now. */
  async append(manager: EntityManager, batch: Batch, codeOf: (kind: Kind) => number): Promise<void> {
    const moved = await prepared<unknown>(manager, moveHead, [batch.oldSize, batch.size, Buffer.from(batch.root)]);
    if (moved.length !== 1) throw failure('CONFLICT', `the log has grown beyond ${batch.oldSize} entries meanwhile`);
    const { entries, pieces, bodies, tiles } = batch;
    await prepared(manager, addIds, [arrayOf(entries.map(({ id }) => id)), arrayOf(entries.map(codeOf)), batch.oldSize]);
    const [envelopes, hashes, sealed] = [slicesOf(pieces.map((piece) => piece.entries)), slicesOf(pieces.map((piece) => piece.hashes)), slicesOf(bodies.map((pack) => pack.bodies))];
    await prepared(manager, addBundles, [arrayOf(pieces.map(({ first }) => first)), envelopes.bytes, envelopes.starts, envelopes.lengths, hashes.bytes, hashes.starts, hashes.lengths]);
    await prepared(manager, addBodies, [
      bodies.map(({ first }) => first),
      bodies.map(({ part }) => part),
      bodies.map(({ tenant }) => tenant),
      bodies.map(({ sealKeyId }) => sealKeyId),
      bodies.map(({ wrappedKey }) => wrappedKey),
      bodies.map(({ positions }) => positions),
      sealed.bytes,
      sealed.starts,
      sealed.lengths,
    ]);
    if (tiles.length === 0) return;
    await prepared(manager, addTiles, [
      tiles.map(({ level }) => level),
      tiles.map(({ index }) => index),
      tiles.map(({ root }) => Buffer.from(root)),
    ]);
  }
}
