import { Malformed } from './malformed.js';
import { tilePath, tileWidth } from './tiles.js';

/** One tile of hashes (`level` counts tiles, of height 8), or one entry bundle. */
export interface TileId {
  readonly level: number | 'entries';
  readonly index: number;
  /** Hashes or entries in it: 256 when full. */
  readonly width: number;
}

/** The highest level of a tree below 2⁵³ entries: ⌊52 / 8⌋. */
export const tileLevelMax = 6;

/** Inverse of `tilePath`: one path for one tile, all others are refused. Error: `Malformed`. */
export function parseTilePath(path: string): TileId {
  const match = /^tile\/(entries|[0-6])\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (!match) throw new Malformed(`"${path}" is no path of a tile`);
  const level = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const index = Number(match[2]!.replace(/[x/]/g, ''));
  const width = match[3] === undefined ? tileWidth : Number(match[3]);
  // Leading groups of zeros and the width 256 have a shorter form, and only that counts.
  if (!Number.isSafeInteger(index) || width > tileWidth || tilePath(level, index, width) !== path) throw new Malformed(`"${path}" is no path of a tile`);
  return { level, index, width };
}

/** Whether a tree of `size` entries has all that the tile holds. */
export function isTileOf({ level, index, width }: TileId, size: number): boolean {
  const hashes = level === 'entries' ? size : Math.floor(size / tileWidth ** level);
  return index * tileWidth + width <= hashes;
}
