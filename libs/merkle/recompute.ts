import { equalBytes } from './bytes.js';
import type { Hash } from './hash.js';
import { RightEdge } from './right-edge.js';
import { leafHash } from './tree.js';

/** One entry as a log has stored it. */
export interface StoredLeaf {
  readonly index: number;
  readonly entry: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** What a whole log is worth: its computed tree, or the first entry that is not what it was. */
export type Recomputation =
  | { readonly holds: true; readonly edge: RightEdge }
  | { readonly holds: false; readonly wrongIndex: number; readonly reason: string };

/**
 * Computes a log from its entries, in order, and compares it with the stored hashes and the head. `edge` continues from an earlier
 * page; the head is compared when it is given, so give it with the last page.
 */
export function recompute(
  hash: Hash,
  leaves: Iterable<StoredLeaf>,
  head?: { readonly size: number; readonly root: Uint8Array },
  edge: RightEdge = RightEdge.empty(hash),
): Recomputation {
  const next = edge.copy();
  const wrong = (wrongIndex: number, reason: string): Recomputation => ({ holds: false, wrongIndex, reason });
  for (const leaf of leaves) {
    if (leaf.index !== next.size) return wrong(next.size, leaf.index > next.size ? `entry ${next.size} is missing` : `entry ${leaf.index} stands twice`);
    const computed = leafHash(hash, leaf.entry);
    if (!equalBytes(computed, leaf.leafHash)) return wrong(leaf.index, `the bytes of entry ${leaf.index} do not give its leaf hash`);
    next.append(computed);
  }
  if (head && head.size !== next.size) return wrong(Math.min(head.size, next.size), `the head counts ${head.size} entries and there are ${next.size}`);
  if (head && !equalBytes(head.root, next.root())) return wrong(0, `the entries do not give the root of the head at size ${head.size}`);
  return { holds: true, edge: next };
}
