import type { Hash } from './hash.js';
import { checkPosition, subtreesOf, type SubtreeId } from './subtrees.js';
import { foldRight, nodeHash, type HashAt } from './tree.js';

/** A full subtree that an append completed. */
export interface CompletedSubtree extends SubtreeId {
  readonly hash: Uint8Array;
}

/** All that is needed to append to a tree of n entries: the hashes of at most log₂ n full subtrees. */
export class RightEdge {
  private constructor(
    private readonly hash: Hash,
    private entries: number,
    private readonly subtrees: Uint8Array[],
  ) {}

  static empty(hash: Hash): RightEdge {
    return new RightEdge(hash, 0, []);
  }

  /** The edge of a stored tree; ask `hashAt` for what {@link RightEdge.subtreesAt} names. Error: `RangeError`. */
  static restore(hash: Hash, size: number, hashAt: HashAt): RightEdge {
    return new RightEdge(hash, size, RightEdge.subtreesAt(size).map(({ level, index }) => hashAt(level, index)));
  }

  /** The full subtrees on the edge of a tree of `size` entries. Error: `RangeError`. */
  static subtreesAt(size: number): SubtreeId[] {
    checkPosition(size, 'size');
    return subtreesOf({ start: 0, end: size });
  }

  get size(): number {
    return this.entries;
  }

  /** Appends one leaf hash; gives the full subtrees it completed, its own leaf first, level by level. */
  append(leaf: Uint8Array): CompletedSubtree[] {
    const completed: CompletedSubtree[] = [{ level: 0, index: this.entries, hash: leaf }];
    let node = leaf;
    let position = this.entries;
    for (let level = 1; position % 2 === 1; level += 1) {
      node = nodeHash(this.hash, this.subtrees.pop()!, node);
      position = (position - 1) / 2;
      completed.push({ level, index: position, hash: node });
    }
    this.subtrees.push(node);
    this.entries += 1;
    return completed;
  }

  root(): Uint8Array {
    return foldRight(this.hash, this.subtrees);
  }

  /** Hashes of the subtrees that {@link RightEdge.subtreesAt} names, in that order: what the edge is restored from. */
  hashes(): readonly Uint8Array[] {
    return [...this.subtrees];
  }

  /** An independent copy: append to it, and drop it when the batch is not committed. */
  copy(): RightEdge {
    return new RightEdge(this.hash, this.entries, [...this.subtrees]);
  }
}
