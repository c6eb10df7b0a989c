import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { RightEdge, equalBytes, sha256, type HashAt, type SubtreeId } from '#merkle';
import { assert } from '#kernel';
import { failure } from '#protocol';
import type { Batch } from './batch.js';
import { entryKey, type EntryDraft } from './entry.js';

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

  /** What the log was when it had so many entries. An AssertionError when it never had. */
  async rootAt(manager: EntityManager, size: number): Promise<Head> {
    return { size, root: RightEdge.restore(sha256, size, await this.hashes(manager, RightEdge.subtreesAt(size))).root() };
  }

  /** Rebuilds the right edge from the stored nodes; an AssertionError when it does not give the stored root. */
  async edge(manager: EntityManager, head: Head): Promise<RightEdge> {
    const edge = RightEdge.restore(sha256, head.size, await this.hashes(manager, RightEdge.subtreesAt(head.size)));
    assert(equalBytes(edge.root(), head.root), `the stored nodes of the log do not give its root at size ${head.size}`);
    return edge;
  }

  /** Loads full subtrees: leaves from the entries, the others from the nodes. An AssertionError when one is missing. */
  async hashes(manager: EntityManager, subtrees: readonly SubtreeId[]): Promise<HashAt> {
    const rows = await manager.query<{ level: number; index: string; hash: Buffer }[]>(
      `SELECT n.level, n.index, n.hash FROM unnest($1::smallint[], $2::bigint[]) AS asked (level, index) JOIN governance.log_nodes n USING (level, index)
       UNION ALL
       SELECT 0, e.index, e.leaf_hash FROM unnest($3::bigint[]) AS asked (index) JOIN governance.log_entries e USING (index)`,
      [
        subtrees.filter(({ level }) => level > 0).map(({ level }) => level),
        subtrees.filter(({ level }) => level > 0).map(({ index }) => index),
        subtrees.filter(({ level }) => level === 0).map(({ index }) => index),
      ],
    );
    const found = new Map(rows.map(({ level, index, hash }) => [`${level}/${index}`, hash]));
    return (level, index) => {
      const hash = found.get(`${level}/${index}`);
      assert(hash !== undefined, `the log holds node ${index} of level ${level}`);
      return hash;
    };
  }

  /** Which of these are in the log already, as {@link entryKey}s. */
  async known(manager: EntityManager, drafts: readonly EntryDraft[]): Promise<Set<string>> {
    const rows = await manager.query<{ id: string; type: string }[]>(
      'SELECT e.id, e.type FROM unnest($1::uuid[], $2::text[]) AS asked (id, type) JOIN governance.log_entries e USING (id, type)',
      [drafts.map(({ id }) => id), drafts.map(({ type }) => type)],
    );
    return new Set(rows.map(entryKey));
  }

  /** Writes a batch after the head it was made from. Error: `CONFLICT` when the log has another size by now. */
  async append(manager: EntityManager, batch: Batch): Promise<void> {
    const moved = await manager.query<unknown[]>(
      `WITH moved AS (UPDATE governance.log_head SET size = $2, root = $3, updated_at = now() WHERE size = $1 RETURNING size) SELECT size FROM moved`,
      [batch.oldSize, batch.size, Buffer.from(batch.root)],
    );
    if (moved.length !== 1) throw failure('CONFLICT', `the log has grown beyond ${batch.oldSize} entries meanwhile`);
    const { entries, nodes } = batch;
    await manager.query(
      `INSERT INTO governance.log_entries (index, id, type, tenant, time_ms, envelope, leaf_hash)
       SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::bytea[], $7::bytea[])`,
      [
        entries.map(({ index }) => index),
        entries.map(({ id }) => id),
        entries.map(({ type }) => type),
        entries.map(({ tenant }) => tenant),
        entries.map(({ timeMs }) => timeMs),
        entries.map(({ envelope }) => Buffer.from(envelope)),
        entries.map(({ leaf }) => Buffer.from(leaf)),
      ],
    );
    const base64 = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text, 'base64'));
    await manager.query(
      `INSERT INTO governance.log_bodies (index, tenant, seal_key_id, wrapped_key, nonce, ciphertext, fields)
       SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::bytea[], $5::bytea[], $6::bytea[], $7::json[])`,
      [
        entries.map(({ index }) => index),
        entries.map(({ tenant }) => tenant),
        entries.map(({ body }) => body?.sealKeyId ?? null),
        entries.map(({ body }) => base64(body?.wrappedKey)),
        entries.map(({ body }) => base64(body?.nonce)),
        entries.map(({ body }) => base64(body?.ciphertext)),
        entries.map(({ body, fields }) => (body === null ? JSON.stringify(fields ?? {}) : null)),
      ],
    );
    await manager.query('INSERT INTO governance.log_nodes (level, index, hash) SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::bytea[])', [
      nodes.map(({ level }) => level),
      nodes.map(({ index }) => index),
      nodes.map(({ hash }) => Buffer.from(hash)),
    ]);
  }
}
