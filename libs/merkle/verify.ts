import { equalBytes } from './bytes.js';
import type { Hash } from './hash.js';
import { hashBytes } from './hash.js';
import { nodeHash } from './tree.js';

/** What an inclusion proof claims. Sizes and indices are whole numbers below 2⁵³. */
export interface InclusionClaim {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** What a consistency proof claims. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

const isOdd = (value: number): boolean => value % 2 === 1;
const half = (value: number): number => Math.floor(value / 2);
const isPosition = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const areHashes = (values: readonly Uint8Array[]): boolean => values.every((value) => value.length === hashBytes);

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest > 1 && !isOdd(rest)) rest /= 2;
  return rest === 1;
}

/** RFC 9162 §2.1.3.2: is the leaf at `index` of the tree with this root? */
export function verifyInclusion(hash: Hash, claim: InclusionClaim): boolean {
  const { index, size, root, proof } = claim;
  if (!isPosition(index) || !isPosition(size) || index >= size) return false;
  if (!areHashes([claim.leafHash, root, ...proof])) return false;
  let node = index;
  let last = size - 1;
  let computed = claim.leafHash;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      computed = nodeHash(hash, sibling, computed);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      computed = nodeHash(hash, computed, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(computed, root);
}

/** RFC 9162 §2.1.4.2: is the old tree a prefix of the new one? From size 0 and to itself the proof is empty. */
export function verifyConsistency(hash: Hash, claim: ConsistencyClaim): boolean {
  const { oldSize, oldRoot, size, root, proof } = claim;
  if (!isPosition(oldSize) || !isPosition(size) || oldSize > size) return false;
  if (!areHashes([oldRoot, root, ...proof])) return false;
  if (oldSize === 0) return proof.length === 0 && equalBytes(oldRoot, hash(new Uint8Array()));
  if (oldSize === size) return proof.length === 0 && equalBytes(oldRoot, root);
  const [first, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  if (first === undefined || proof.length === 0) return false;
  let node = oldSize - 1;
  let last = size - 1;
  while (isOdd(node)) [node, last] = [half(node), half(last)];
  let computedOld = first;
  let computedNew = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      const isSame = computedOld === computedNew;
      computedOld = nodeHash(hash, sibling, computedOld);
      computedNew = isSame ? computedOld : nodeHash(hash, sibling, computedNew);
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      computedNew = nodeHash(hash, computedNew, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(computedOld, oldRoot) && equalBytes(computedNew, root);
}
