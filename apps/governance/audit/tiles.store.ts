import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** Levels of the tree in one level of tiles. */
const tileHeight = 8;

/** Reads what tiles are made of. Every method runs in the caller's transaction, which must see all tenants. */
@Injectable()
export class TileStore {
  /** Hashes `from` (inclusive) to `to` (exclusive) of a level of tiles, in order; fewer when the log has fewer. */
  async hashes(manager: EntityManager, level: number, from: number, to: number): Promise<Buffer[]> {
    const rows =
      level === 0
        ? await manager.query<{ hash: Buffer }[]>('SELECT leaf_hash AS hash FROM governance.log_entries WHERE index >= $1 AND index < $2 ORDER BY index', [from, to])
        : await manager.query<{ hash: Buffer }[]>('SELECT hash FROM governance.log_nodes WHERE level = $3 AND index >= $1 AND index < $2 ORDER BY index', [from, to, level * tileHeight]);
    return rows.map(({ hash }) => hash);
  }

  /** Exact bytes of the entries `from` to `to` (exclusive), in order. */
  async envelopes(manager: EntityManager, from: number, to: number): Promise<Buffer[]> {
    const rows = await manager.query<{ envelope: Buffer }[]>('SELECT envelope FROM governance.log_entries WHERE index >= $1 AND index < $2 ORDER BY index', [from, to]);
    return rows.map(({ envelope }) => envelope);
  }
}
