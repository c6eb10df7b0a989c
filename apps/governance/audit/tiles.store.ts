import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { assert } from '#kernel';
import {
  equalBytes, hashBytes, hashesFromTiles, RightEdge, sha256, tilePath, tilesOfSubtrees, tileWidth, unpackBundle, type HashAt, type SubtreeId, type TileId,
} from '#merkle';
import { arrayOf, prepared, preparedAlone } from '#service';
import type { Head } from './log.store.js';

type HashTile = TileId & { readonly level: number };

interface TileRow {
  readonly place: number;
  readonly hashes: Buffer | null;
}

/** Planning takes longer than reading a tile of leaves. As rows of a subquery, the arrays' lengths are no reason to plan for each anew. */
const readTiles = {
  name: 'log tiles',
  text: `SELECT place::int, COALESCE(leaves.hashes, roots.hashes) AS hashes
    FROM (SELECT $1::int[] AS levels, $2::bigint[] AS starts, $3::bigint[] AS widths OFFSET 0) asked,
      unnest(levels, starts, widths) WITH ORDINALITY AS tile (level, start, width, place)
    LEFT JOIN LATERAL (SELECT string_agg(hashes, ''::bytea ORDER BY first) AS hashes FROM governance.log_bundles
      WHERE tile.level = 0 AND first >= tile.start AND first < tile.start + tile.width) leaves ON true
    LEFT JOIN LATERAL (SELECT string_agg(root, ''::bytea ORDER BY index) AS hashes FROM governance.log_tiles t
      WHERE tile.level > 0 AND t.level = tile.level - 1 AND index >= tile.start AND index < tile.start + tile.width) roots ON true`,
};

/** Reads the log as tiles and bundles, which belong to no tenant. */
@Injectable()
export class TileStore {
  /** Bytes of some tiles of hashes, as the transaction sees them; for a data source, as they are committed. An AssertionError when the log does not hold one of them whole. */
  async tiles(on: EntityManager | DataSource, tiles: readonly HashTile[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const asked = [arrayOf(tiles.map(({ level }) => level)), arrayOf(tiles.map(({ index }) => index * tileWidth)), arrayOf(tiles.map(({ width }) => width))];
    const rows = await (on instanceof DataSource ? preparedAlone<TileRow>(on, readTiles, asked) : prepared<TileRow>(on, readTiles, asked));
    const found = new Map<string, Uint8Array>();
    for (const { place, hashes } of rows) {
      const { level, index, width } = tiles[place - 1]!;
      const path = tilePath(level, index, width);
      // The last piece may hold more than was asked for.
      assert(hashes !== null && hashes.length >= width * hashBytes, `the log holds the ${width} hashes of ${path}`);
      found.set(path, new Uint8Array(hashes.subarray(0, width * hashBytes)));
    }
    return found;
  }

  /** Hashes of full subtrees of the tree of `size` entries. An AssertionError when the log does not hold them. */
  async hashes(manager: EntityManager, subtrees: readonly SubtreeId[], size: number): Promise<HashAt> {
    const tiles = await this.tiles(manager, tilesOfSubtrees(subtrees, size));
    return hashesFromTiles(sha256, size, ({ level, index, width }) => tiles.get(tilePath(level, index, width))!);
  }

  /** Rebuilds the right edge of the tree; an AssertionError when it does not give the stored root. */
  async edge(manager: EntityManager, { size, root }: Head): Promise<RightEdge> {
    const edge = RightEdge.restore(sha256, size, await this.hashes(manager, RightEdge.subtreesAt(size), size));
    assert(equalBytes(edge.root(), root), `the stored hashes of the log do not give its root at size ${size}`);
    return edge;
  }

  /** Exact bytes of the entries `from` to `to` (exclusive) of one bundle, in order; fewer when the log has fewer. */
  async envelopes(manager: EntityManager, from: number, to: number): Promise<Uint8Array[]> {
    const start = Math.floor(from / tileWidth) * tileWidth;
    const rows = await manager.query<{ entries: Buffer }[]>('SELECT entries FROM governance.log_bundles WHERE first >= $1 AND first < $2 ORDER BY first', [start, to]);
    return rows.flatMap(({ entries }) => unpackBundle(entries)).slice(from - start, to - start);
  }
}
