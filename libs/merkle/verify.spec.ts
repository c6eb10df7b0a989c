import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  consistencyProof, inclusionProof, leafHash, nodeHash, RightEdge, rootOf, sha256, toUtf8, verifyConsistency, verifyInclusion,
  type ConsistencyClaim, type HashAt, type InclusionClaim,
} from './index.js';

const leaves = Array.from({ length: 70 }, (_, i) => leafHash(sha256, toUtf8(String(i))));
const hashAt: HashAt = (level, index) => rootOf(sha256, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const rootAt = (size: number): Uint8Array => rootOf(sha256, leaves.slice(0, size));

function inclusion(index: number, size: number): InclusionClaim {
  return { leafHash: leaves[index]!, index, size, root: rootAt(size), proof: inclusionProof(sha256, index, size, hashAt) };
}

function consistency(oldSize: number, size: number): ConsistencyClaim {
  return { oldSize, oldRoot: rootAt(oldSize), size, root: rootAt(size), proof: consistencyProof(sha256, oldSize, size, hashAt) };
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[Math.floor(bit / 8)]! ^= 1 << bit % 8;
  return flipped;
}

const sizes = fc.integer({ min: 1, max: leaves.length });
const indexAndSize = sizes.chain((size) => fc.tuple(fc.integer({ min: 0, max: size - 1 }), fc.constant(size)));
const twoSizes = sizes.chain((size) => fc.tuple(fc.integer({ min: 1, max: size }), fc.constant(size)));

/** A tree too large to hold, all of whose leaves are the same: every full subtree of a level has the same hash. */
function uniformTree(levels: number): HashAt {
  const hashes = [leaves[0]!];
  for (let level = 1; level <= levels; level += 1) hashes.push(nodeHash(sha256, hashes[level - 1]!, hashes[level - 1]!));
  return (level) => hashes[level]!;
}

describe('verifying inclusion', () => {
  it('accepts the proof of every entry at every size up to 64', () => {
    for (let size = 1; size <= 64; size += 1) {
      for (let index = 0; index < size; index += 1) expect(verifyInclusion(sha256, inclusion(index, size))).toBe(true);
    }
  });

  it('rejects every proof after a change of one bit in leaf, root or proof', () => {
    fc.assert(
      fc.property(indexAndSize, fc.nat(), fc.nat({ max: 255 }), ([index, size], which, bit) => {
        const claim = inclusion(index, size);
        const parts = [claim.leafHash, claim.root, ...claim.proof];
        parts[which % parts.length] = flipBit(parts[which % parts.length]!, bit);
        const [leaf, root, ...proof] = parts;
        expect(verifyInclusion(sha256, { ...claim, leafHash: leaf!, root: root!, proof })).toBe(false);
      }),
    );
  });

  it('rejects another index, a longer and a shorter proof', () => {
    fc.assert(
      fc.property(indexAndSize, fc.nat({ max: 80 }), ([index, size], other) => {
        const claim = inclusion(index, size);
        fc.pre(other !== index);
        expect(verifyInclusion(sha256, { ...claim, index: other })).toBe(false);
        expect(verifyInclusion(sha256, { ...claim, proof: [...claim.proof, leaves[0]!] })).toBe(false);
        if (claim.proof.length > 0) expect(verifyInclusion(sha256, { ...claim, proof: claim.proof.slice(0, -1) })).toBe(false);
      }),
    );
  });

  it('rejects positions that are not whole numbers and hashes of another length', () => {
    const claim = inclusion(2, 5);
    for (const index of [-1, 0.5, Number.NaN, 2 ** 53]) expect(verifyInclusion(sha256, { ...claim, index })).toBe(false);
    expect(verifyInclusion(sha256, { ...claim, leafHash: claim.leafHash.subarray(1) })).toBe(false);
    expect(verifyInclusion(sha256, { ...claim, index: 0, size: 0, proof: [] })).toBe(false);
  });

  it('is exact beyond 2³¹ and 2³² entries', () => {
    const at = uniformTree(53);
    for (const size of [2 ** 31 + 1, 2 ** 32 + 5, 2 ** 45 + 2 ** 33 + 3]) {
      const root = RightEdge.restore(sha256, size, at).root();
      for (const index of [0, 2 ** 31 - 1, 2 ** 31, size - 1]) {
        const proof = inclusionProof(sha256, index, size, at);
        expect(verifyInclusion(sha256, { leafHash: leaves[0]!, index, size, root, proof })).toBe(true);
        expect(verifyInclusion(sha256, { leafHash: leaves[1]!, index, size, root, proof })).toBe(false);
      }
    }
  });
});

describe('the right edge', () => {
  it('is exact beyond 2³¹ and 2³² entries', () => {
    const at = uniformTree(53);
    for (const size of [2 ** 31 - 1, 2 ** 32 - 1, 2 ** 40 + 2 ** 33 - 1]) {
      const edge = RightEdge.restore(sha256, size, at);
      const completed = edge.append(leaves[0]!);
      expect(completed.every(({ level, index }) => (index + 1) * 2 ** level === size + 1)).toBe(true);
      expect(edge.root()).toEqual(RightEdge.restore(sha256, size + 1, at).root());
    }
  });
});

describe('verifying consistency', () => {
  it('accepts the proof between every two sizes up to 64', () => {
    for (let size = 0; size <= 64; size += 1) {
      for (let oldSize = 0; oldSize <= size; oldSize += 1) expect(verifyConsistency(sha256, consistency(oldSize, size))).toBe(true);
    }
  });

  it('rejects every proof after a change of one bit in a root or the proof', () => {
    fc.assert(
      fc.property(twoSizes, fc.nat(), fc.nat({ max: 255 }), ([oldSize, size], which, bit) => {
        const claim = consistency(oldSize, size);
        const parts = [claim.oldRoot, claim.root, ...claim.proof];
        parts[which % parts.length] = flipBit(parts[which % parts.length]!, bit);
        const [oldRoot, root, ...proof] = parts;
        expect(verifyConsistency(sha256, { ...claim, oldRoot: oldRoot!, root: root!, proof })).toBe(false);
      }),
    );
  });

  it('rejects a tree that shrinks, an empty proof between two sizes and a proof from nothing', () => {
    const claim = consistency(3, 7);
    expect(verifyConsistency(sha256, { ...claim, oldSize: 7, size: 3 })).toBe(false);
    expect(verifyConsistency(sha256, { ...claim, proof: [] })).toBe(false);
    expect(verifyConsistency(sha256, { ...consistency(4, 8), proof: [] })).toBe(false);
    expect(verifyConsistency(sha256, { ...claim, oldSize: 0 })).toBe(false);
  });

  it('is exact beyond 2³² entries', () => {
    const at = uniformTree(53);
    const rootOfSize = (size: number): Uint8Array => RightEdge.restore(sha256, size, at).root();
    for (const [oldSize, size] of [[2 ** 31, 2 ** 32 + 5], [2 ** 32 + 1, 2 ** 45 + 3], [2 ** 33 - 1, 2 ** 33]] as const) {
      const claim = { oldSize, oldRoot: rootOfSize(oldSize), size, root: rootOfSize(size), proof: consistencyProof(sha256, oldSize, size, at) };
      expect(verifyConsistency(sha256, claim)).toBe(true);
      expect(verifyConsistency(sha256, { ...claim, oldSize: oldSize + 1 })).toBe(false);
    }
  });
});
