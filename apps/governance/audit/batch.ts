import { concat, packBundle, tileWidth, type RightEdge, type SubtreeId } from '#merkle';
import { packBodies, type PackedBodies } from './packed-bodies.js';
import type { EntryDraft } from './entry.js';

/** Consecutive entries of one tile that came together: a piece of its entry bundle, with their leaf hashes. */
export interface BundlePiece {
  readonly first: number;
  readonly entries: Uint8Array;
  readonly hashes: Uint8Array;
}

/** The hash over a full tile; `level` counts tiles. */
export interface FullTile extends SubtreeId {
  readonly root: Uint8Array;
}

export type NumberedDraft = EntryDraft & { readonly index: number };

/** What one transaction writes: entries with their indices in pieces, the tiles they completed, and the new head. */
export interface Batch {
  readonly oldSize: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly entries: readonly NumberedDraft[];
  readonly pieces: readonly BundlePiece[];
  readonly bodies: readonly PackedBodies[];
  readonly tiles: readonly FullTile[];
  /** The edge after the batch: it replaces the old one once the transaction is committed. */
  readonly edge: RightEdge;
}

/** Levels of the tree in one level of tiles. */
const tileHeight = 8;

/** Gives each draft the next index, without touching the edge it starts from. */
export function batchOf(edge: RightEdge, drafts: readonly EntryDraft[]): Batch {
  const next = edge.copy();
  const tiles: FullTile[] = [];
  const entries = drafts.map((draft) => {
    const { size } = next;
    for (const { level, index, hash } of next.append(draft.leaf)) if (level > 0 && level % tileHeight === 0) tiles.push({ level: level / tileHeight - 1, index, root: hash });
    return { ...draft, index: size };
  });
  const parts = byTile(entries);
  return { oldSize: edge.size, size: next.size, root: next.root(), entries, pieces: parts.map(pieceOf), bodies: parts.flatMap(packBodies), tiles, edge: next };
}

function byTile(entries: readonly NumberedDraft[]): NumberedDraft[][] {
  const parts: NumberedDraft[][] = [];
  for (const entry of entries) {
    if (parts.length === 0 || entry.index % tileWidth === 0) parts.push([]);
    parts.at(-1)!.push(entry);
  }
  return parts;
}

function pieceOf(entries: readonly NumberedDraft[]): BundlePiece {
  return { first: entries[0]!.index, entries: packBundle(entries.map(({ envelope }) => envelope)), hashes: concat(...entries.map(({ leaf }) => leaf)) };
}
