import type { Hash } from './hash.js';
import { hashBytes } from './hash.js';
import { consistencySpans, inclusionSpans, subtreesOf, type Span, type SubtreeId } from './subtrees.js';

/** The stored hash of a full subtree: `hashAt(0, i)` is the leaf hash of entry i. */
export type HashAt = (level: number, index: number) => Uint8Array;

/** What the hashes of a leaf and of a node are of, filled anew for each: a log is verified by millions of these. The first byte of a leaf's is zero. */
const leafInput = new Uint8Array(4_096);
const nodeInput = Uint8Array.of(0x01, ...new Uint8Array(2 * hashBytes));

/** SHA-256(0x00 ‖ entry): RFC 9162 §2.1.1. */
export function leafHash(hash: Hash, entry: Uint8Array): Uint8Array {
  const length = 1 + entry.length;
  const input = length > leafInput.length ? new Uint8Array(length) : leafInput.subarray(0, length);
  input.set(entry, 1);
  return hash(input);
}

/** SHA-256(0x01 ‖ left ‖ right): RFC 9162 §2.1.1. Error: `RangeError` when one is not a hash. */
export function nodeHash(hash: Hash, left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== hashBytes || right.length !== hashBytes) throw new RangeError(`a node is made of two hashes of ${hashBytes} bytes`);
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashBytes);
  return hash(nodeInput);
}

/** The same of two hashes that lie side by side. Error: `RangeError` when they are not two. */
export function pairHash(hash: Hash, pair: Uint8Array): Uint8Array {
  if (pair.length !== 2 * hashBytes) throw new RangeError(`a node is made of two hashes of ${hashBytes} bytes`);
  nodeInput.set(pair, 1);
  return hash(nodeInput);
}

/** Joins adjacent full subtrees, given from the largest to the smallest, into the hash of their common node. */
export function foldRight(hash: Hash, subtrees: readonly Uint8Array[]): Uint8Array {
  if (subtrees.length === 0) return hash(new Uint8Array());
  return subtrees.reduceRight((right, left) => nodeHash(hash, left, right));
}

/** The root over some leaf hashes; of none it is SHA-256(""). */
export function rootOf(hash: Hash, leafHashes: Iterable<Uint8Array>): Uint8Array {
  const edge: Uint8Array[] = [];
  let size = 0;
  for (const leaf of leafHashes) {
    let node = leaf;
    for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(hash, edge.pop()!, node);
    edge.push(node);
    size += 1;
  }
  return foldRight(hash, edge);
}

/** The full subtrees from which {@link inclusionProof} is made: fetch these, then prove. */
export function inclusionSubtrees(index: number, size: number): SubtreeId[] {
  return inclusionSpans(index, size).flatMap(subtreesOf);
}

/** The full subtrees from which {@link consistencyProof} is made. */
export function consistencySubtrees(oldSize: number, size: number): SubtreeId[] {
  return consistencySpans(oldSize, size).flatMap(subtreesOf);
}

/** Proof that entry `index` is in the tree of `size` entries, leaf to root. Error: `RangeError` when it cannot be. */
export function inclusionProof(hash: Hash, index: number, size: number, hashAt: HashAt): Uint8Array[] {
  return inclusionSpans(index, size).map((span) => spanHash(hash, span, hashAt));
}

/** Proof that the tree of `oldSize` entries is a prefix of the tree of `size`. Error: `RangeError` when it cannot be. */
export function consistencyProof(hash: Hash, oldSize: number, size: number, hashAt: HashAt): Uint8Array[] {
  return consistencySpans(oldSize, size).map((span) => spanHash(hash, span, hashAt));
}

function spanHash(hash: Hash, span: Span, hashAt: HashAt): Uint8Array {
  return foldRight(hash, subtreesOf(span).map(({ level, index }) => hashAt(level, index)));
}
