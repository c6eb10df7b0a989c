import { equalBytes, hashesFromTiles, leafHash, RightEdge, sha256, tilePath, tilesOfSubtrees, tileWidth, type Checkpoint, type HashAt, type SubtreeId } from '#merkle';
import { Alarm } from './alarm.js';
import type { LogSource } from './log-source.js';

/** Bundles that are asked for at once. */
const bundlesAtOnce = 8;

/**
 * Reads the entries that a checkpoint adds and computes the tree on: gives its edge, which has the checkpoint's root. `seen` is told of each, before it is known
 * that they are the log's. Errors:
 * {@link Alarm} `rollback`, `fork`, `withheld`; unreachable.
 */
export async function followLog(log: LogSource, known: RightEdge, shown: Checkpoint, seen: (index: number, entry: Uint8Array, leaf: Uint8Array) => void = () => undefined): Promise<RightEdge> {
  if (shown.size < known.size) throw new Alarm('rollback', `the log had ${known.size} entries and now shows ${shown.size}`);
  const edge = known.copy();
  const bundles = Math.ceil(shown.size / tileWidth);
  for (let first = Math.floor(known.size / tileWidth); edge.size < shown.size; first += bundlesAtOnce) {
    const indices = Array.from({ length: Math.min(bundlesAtOnce, bundles - first) }, (_, at) => first + at);
    const read = await Promise.all(indices.map((index) => log.entries(index, Math.min(tileWidth, shown.size - index * tileWidth))));
    read.forEach((entries, at) => {
      const skipped = Math.max(0, edge.size - indices[at]! * tileWidth);
      for (const entry of entries.slice(skipped)) {
        const leaf = leafHash(sha256, entry);
        seen(edge.size, entry, leaf);
        edge.append(leaf);
      }
    });
  }
  if (equalBytes(edge.root(), shown.root)) return edge;
  throw new Alarm('fork', known.size === shown.size ? `the log shows two roots at ${shown.size} entries` : `the entries up to ${shown.size} that the log serves do not continue the first ${known.size}, which were right, to the root that it signed`);
}

/** Hashes of some subtrees from the tiles of a tree. Errors: {@link Alarm} `withheld`; unreachable. */
export async function hashesOf(log: LogSource, subtrees: readonly SubtreeId[], size: number): Promise<HashAt> {
  const tiles = tilesOfSubtrees(subtrees, size);
  const read = new Map(await Promise.all(tiles.map(async (tile) => [tilePath(tile.level, tile.index, tile.width), await log.tile(tile)] as const)));
  return hashesFromTiles(sha256, size, (tile) => read.get(tilePath(tile.level, tile.index, tile.width))!);
}

/** Compares the tiles at the log's edge with its root. Errors: {@link Alarm} `withheld`; unreachable. */
export async function checkTiles(log: LogSource, { size, root }: Checkpoint): Promise<void> {
  const hashAt = await hashesOf(log, RightEdge.subtreesAt(size), size);
  if (!equalBytes(RightEdge.restore(sha256, size, hashAt).root(), root)) throw new Alarm('withheld', `the tiles that the log serves are not those of its ${size} entries`);
}
