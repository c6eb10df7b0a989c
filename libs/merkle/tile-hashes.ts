import type { Hash } from './hash.js';
import { hashBytes } from './hash.js';
import { Malformed } from './malformed.js';
import type { SubtreeId } from './subtrees.js';
import { tilePath, tileWidth } from './tiles.js';
import type { TileId } from './tile-path.js';
import { pairHash, type HashAt } from './tree.js';

/** Levels of the tree in one level of tiles. */
const tileHeight = 8;

/** The tile that holds a full subtree, or the hashes it is computed from, in a tree of `size` entries. */
export function tileOfSubtree(subtree: SubtreeId, size: number): TileId & { readonly level: number } {
  const level = Math.floor(subtree.level / tileHeight);
  const index = Math.floor((subtree.index * 2 ** (subtree.level % tileHeight)) / tileWidth);
  const hashes = Math.floor(size / tileWidth ** level);
  return { level, index, width: Math.min(tileWidth, hashes - index * tileWidth) };
}

/** The tiles from which some full subtrees of a tree of `size` entries are computed, each once. */
export function tilesOfSubtrees(subtrees: readonly SubtreeId[], size: number): (TileId & { readonly level: number })[] {
  const tiles = new Map(subtrees.map((subtree) => tileOfSubtree(subtree, size)).map((tile) => [tilePath(tile.level, tile.index, tile.width), tile]));
  return [...tiles.values()];
}

/** A tile, and the hashes of the full subtrees over its own: each is computed once, when it is first asked for. Error: `Malformed` when its bytes are not those of whole hashes. */
export class TileTree {
  /** As in a heap: 1 is the root of a full tile, the children of n are 2n and 2n + 1. */
  private readonly nodes = new Uint8Array(tileWidth * hashBytes);
  private readonly isKnown = new Uint8Array(tileWidth);

  constructor(
    private readonly hash: Hash,
    private readonly tile: TileId & { readonly level: number },
    private readonly bytes: Uint8Array,
  ) {
    if (bytes.length !== tile.width * hashBytes) throw new Malformed(`${tilePath(tile.level, tile.index, tile.width)} has ${bytes.length} bytes`);
  }

  /** The root over hashes `place` × 2^height and on, 2^height of them. */
  node(height: number, place: number): Uint8Array {
    if (height === 0) return this.bytes.slice(place * hashBytes, (place + 1) * hashBytes);
    const at = 2 ** (tileHeight - height) + place;
    this.compute(height, place, at);
    return this.nodes.slice(at * hashBytes, (at + 1) * hashBytes);
  }

  /** Fills in node `at` of the heap, and what is below it. */
  private compute(height: number, place: number, at: number): void {
    if (this.isKnown[at] !== 0) return;
    if (height > 1) {
      this.compute(height - 1, 2 * place, 2 * at);
      this.compute(height - 1, 2 * place + 1, 2 * at + 1);
    }
    const below = height > 1 ? this.nodes.subarray(2 * at * hashBytes, 2 * (at + 1) * hashBytes) : this.bytes.subarray(2 * place * hashBytes, 2 * (place + 1) * hashBytes);
    this.nodes.set(pairHash(this.hash, below), at * hashBytes);
    this.isKnown[at] = 1;
  }
}

/**
 * Hashes of full subtrees, computed from tiles. Nothing here makes them true: what is computed is to be compared with a root that
 * is.
 */
export function hashesFromTrees(size: number, treeAt: (tile: TileId & { readonly level: number }) => TileTree): HashAt {
  return (level, index) => {
    const tile = tileOfSubtree({ level, index }, size);
    const height = level % tileHeight;
    return treeAt(tile).node(height, index % 2 ** (tileHeight - height));
  };
}

/** The same from the bytes of tiles. Error: `Malformed` when one has another length than its width says. */
export function hashesFromTiles(hash: Hash, size: number, tileAt: (tile: TileId & { readonly level: number }) => Uint8Array): HashAt {
  return hashesFromTrees(size, (tile) => new TileTree(hash, tile, tileAt(tile)));
}
