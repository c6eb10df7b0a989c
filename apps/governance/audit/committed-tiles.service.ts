import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Lru } from '#kernel';
import { hashesFromTrees, RightEdge, sha256, tilePath, tilesOfSubtrees, TileTree, type HashAt, type SubtreeId } from '#merkle';
import { TileStore } from './tiles.store.js';

/** 16 KiB each. At ten million entries 154 tiles lie over those of the leaves. */
const kept = 1_024;

/**
 * Hashes of a log up to a head that is committed. A tile of it never changes, so what was read is kept, with the hashes over it: of
 * a large log, a proof mostly reads one tile of leaves.
 */
@Injectable()
export class CommittedTiles {
  private readonly trees = new Lru<string, TileTree>(kept);

  constructor(
    private readonly dataSource: DataSource,
    private readonly store: TileStore,
  ) {}

  /**
   * Hashes of full subtrees of the tree of `size` entries. Not from within a transaction: what this reads is committed, and it waits for a connection of its own.
   * An AssertionError when the log does not hold them. Error: `DATABASE_UNAVAILABLE`.
   */
  async hashes(subtrees: readonly SubtreeId[], size: number): Promise<HashAt> {
    const tiles = tilesOfSubtrees(subtrees, size).map((tile) => ({ tile, path: tilePath(tile.level, tile.index, tile.width) }));
    const asked = new Map<string, TileTree>();
    for (const { path } of tiles) {
      const tree = this.trees.get(path);
      if (tree !== undefined) asked.set(path, tree);
    }
    const missing = tiles.filter(({ path }) => !asked.has(path));
    const read = missing.length === 0 ? new Map<string, Uint8Array>() : await this.store.tiles(this.dataSource, missing.map(({ tile }) => tile));
    for (const { tile, path } of missing) {
      const tree = new TileTree(sha256, tile, read.get(path)!);
      asked.set(path, tree);
      this.trees.set(path, tree);
    }
    return hashesFromTrees(size, ({ level, index, width }) => asked.get(tilePath(level, index, width))!);
  }

  /** The root of the log when it had so many entries. An AssertionError when it never had. */
  async rootAt(size: number): Promise<Uint8Array> {
    return RightEdge.restore(sha256, size, await this.hashes(RightEdge.subtreesAt(size), size)).root();
  }
}
