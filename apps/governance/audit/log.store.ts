import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { assert } from '#kernel';
import { failure } from '#protocol';
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

/** The tables of the log. Every method runs in the caller's transaction, which must see all tenants. */
@Injectable()
export class LogStore {
  /**
   * Makes sequencers take turns until the transaction ends. It saves them from failing; that only one can append from a given
   * size is the doing of {@link LogStore.append} alone.
   */
  async lock(manager: EntityManager): Promise<void> {
    await manager.query('SELECT pg_advisory_xact_lock($1)', [logLock]);
  }

  async head(manager: EntityManager): Promise<Head> {
    const [row] = await manager.query<{ size: string; root: Buffer }[]>('SELECT size, root FROM governance.log_head');
    assert(row !== undefined, 'the log has a head');
    return { size: Number(row.size), root: row.root };
  }

  /**
   * Which of these are in the log already, as {@link entryKey}s. Asked after the head was read: whoever appends one of them in between makes
   * {@link LogStore.append} fail.
   */
  async known(manager: EntityManager, drafts: readonly EntryDraft[]): Promise<Set<string>> {
    const rows = await manager.query<{ id: string; type: string }[]>(
      'SELECT i.id, k.type FROM governance.log_ids i JOIN governance.log_kinds k ON k.code = i.kind WHERE i.id = ANY($1::uuid[])',
      [drafts.map(({ id }) => id)],
    );
    return new Set(rows.map(entryKey));
  }

  /** Writes a batch after the head it was made from. Error: `CONFLICT` when the log has another size by now. */
  async append(manager: EntityManager, batch: Batch, codeOf: (kind: Kind) => number): Promise<void> {
    const moved = await manager.query<unknown[]>(
      `WITH moved AS (UPDATE governance.log_head SET size = $2, root = $3, updated_at = now() WHERE size = $1 RETURNING size) SELECT size FROM moved`,
      [batch.oldSize, batch.size, Buffer.from(batch.root)],
    );
    if (moved.length !== 1) throw failure('CONFLICT', `the log has grown beyond ${batch.oldSize} entries meanwhile`);
    const { entries, pieces, bodies, tiles } = batch;
    // By id, which begins with a time: nearly all go to the end of the index, whose pages are filled.
    await manager.query(
      'INSERT INTO governance.log_ids (id, kind, index) SELECT id, kind, $3::bigint + place - 1 FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS entry (id, kind, place) ORDER BY id',
      [entries.map(({ id }) => id), entries.map(codeOf), batch.oldSize],
    );
    await manager.query('INSERT INTO governance.log_bundles (first, entries, hashes) SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[])', [
      pieces.map(({ first }) => first),
      pieces.map((piece) => Buffer.from(piece.entries)),
      pieces.map((piece) => Buffer.from(piece.hashes)),
    ]);
    await manager.query(
      `INSERT INTO governance.log_bodies (first, part, tenant, seal_key_id, wrapped_key, positions, bodies)
       SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::uuid[], $4::uuid[], $5::bytea[], $6::bytea[], $7::bytea[])`,
      [
        bodies.map(({ first }) => first),
        bodies.map(({ part }) => part),
        bodies.map(({ tenant }) => tenant),
        bodies.map(({ sealKeyId }) => sealKeyId),
        bodies.map(({ wrappedKey }) => wrappedKey),
        bodies.map(({ positions }) => positions),
        bodies.map((pack) => pack.bodies),
      ],
    );
    if (tiles.length === 0) return;
    await manager.query('INSERT INTO governance.log_tiles (level, index, root) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])', [
      tiles.map(({ level }) => level),
      tiles.map(({ index }) => index),
      tiles.map(({ root }) => Buffer.from(root)),
    ]);
  }
}
