import type { CompletedSubtree, RightEdge } from '#merkle';
import type { EntryDraft } from './entry.js';

/** What one transaction writes: entries with their indices, the inner nodes they completed, and the new head. */
export interface Batch {
  readonly oldSize: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly entries: readonly (EntryDraft & { readonly index: number })[];
  /** Full subtrees of level 1 and above; level 0 is in the entries themselves. */
  readonly nodes: readonly CompletedSubtree[];
  /** The edge after the batch: it replaces the old one once the transaction is committed. */
  readonly edge: RightEdge;
}

/** Gives each draft the next index, without touching the edge it starts from. */
export function batchOf(edge: RightEdge, drafts: readonly EntryDraft[]): Batch {
  const next = edge.copy();
  const nodes: CompletedSubtree[] = [];
  const entries = drafts.map((draft) => {
    const [leaf, ...inner] = next.append(draft.leaf);
    nodes.push(...inner);
    return { ...draft, index: leaf!.index };
  });
  return { oldSize: edge.size, size: next.size, root: next.root(), entries, nodes, edge: next };
}
