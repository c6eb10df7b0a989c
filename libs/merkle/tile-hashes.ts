import type { Hash } from './hash.js';
import { hashBytes } from './hash.js';
import { Malformed } from './malformed.js';
import type { SubtreeId } from './subtrees.js';
import { tilePath, tileWidth } from './tiles.js';
import type { TileId } from './tile-path.js';
import { rootOf, type HashAt } from './tree.js';

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

/**
 * Hashes of full subtrees, computed from tiles: `tileAt` gives the bytes of one. Nothing here makes them true: what is computed is
 * to be compared with a root that is. Error: `Malformed` when a tile has another length than its width says.
 */
export function hashesFromTiles(hash: Hash, size: number, tileAt: (tile: TileId & { readonly level: number }) => Uint8Array): HashAt {
  return (level, index) => {
    const tile = tileOfSubtree({ level, index }, size);
    const bytes = tileAt(tile);
    if (bytes.length !== tile.width * hashBytes) throw new Malformed(`${tilePath(tile.level, tile.index, tile.width)} has ${bytes.length} bytes`);
    const count = 2 ** (level % tileHeight);
    const first = (index * count) % tileWidth;
    return rootOf(hash, Array.from({ length: count }, (_, at) => bytes.slice((first + at) * hashBytes, (first + at + 1) * hashBytes)));
  };
}
