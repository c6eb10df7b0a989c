import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  concat, consistencyProof, inclusionProof, inclusionSubtrees, leafHash, nodeHash, packBundle, partialWidths, RightEdge, rootOf, sha256,
  splitOf, tilePath, toBase64, toHex, toUtf8, unpackBundle, type HashAt,
} from './index.js';

const entries = (size: number): Uint8Array[] => Array.from({ length: size }, (_, i) => toUtf8(String(i)));
const leaves = (size: number): Uint8Array[] => entries(size).map((entry) => leafHash(sha256, entry));

/** The definition of RFC 9162 §2.1.1, word for word. */
function rootByDefinition(hashes: Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return sha256(new Uint8Array());
  if (hashes.length === 1) return hashes[0]!;
  const k = splitOf(hashes.length);
  return nodeHash(sha256, rootByDefinition(hashes.slice(0, k)), rootByDefinition(hashes.slice(k)));
}

const hashAtOf = (hashes: Uint8Array[]): HashAt => (level, index) => rootByDefinition(hashes.slice(index * 2 ** level, (index + 1) * 2 ** level));

const publishedRoots: [number, string][] = [
  [0, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  [1, 'db3426e878068d28d269b6c87172322ce5372b65756d0789001d34835f601c03'],
  [2, 'cb00989d94a569c0a678ae042b63dcd4625db96440517f37a6eb7976ea24ed4b'],
  [3, '725d5230db68f557470dc35f1d8865813acd7ebb07ad152774141decbae71327'],
  [7, 'a3e23b32ccb6bf96d092d165d8aa546e09829de8f03b0e8957581d1e16b92bdf'],
  [8, '3b85a9626c1ccb64c6b95ec7fa64888defe2cf12e39e77e10812ce5fcb9cb58e'],
  [256, '828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1'],
  [300, '84e13ec1e037155ae619757599b2cd21ada5a565e0fd9b3139c0c3c6c1b8ada9'],
];

describe('the tree', () => {
  it.each(publishedRoots)('has the known root at size %i', (size, root) => {
    expect(toHex(rootOf(sha256, leaves(size)))).toBe(root);
  });

  it('has the root of the definition at every size up to 130, whether built at once or entry by entry', () => {
    const edge = RightEdge.empty(sha256);
    const all = leaves(130);
    for (let size = 0; size <= all.length; size += 1) {
      const expected = toHex(rootByDefinition(all.slice(0, size)));
      expect(toHex(rootOf(sha256, all.slice(0, size)))).toBe(expected);
      expect(toHex(edge.root())).toBe(expected);
      if (size < all.length) edge.append(all[size]!);
    }
  });

  it('makes the known consistency proofs', () => {
    const proof = (oldSize: number, size: number): string[] => consistencyProof(sha256, oldSize, size, hashAtOf(leaves(size))).map(toBase64);
    expect(proof(3, 7)).toEqual([
      '+mHj3sNDlYn0eEyJO/Mh0AhPBMVyx68raOPzNgo1tIY=', 'kGxdJIXK5yIHOkMPTQT+F2dQdZLO8iZimurbhaLskJ0=',
      'ywCYnZSlacCmeK4EK2Pc1GJduWRAUX83put5duok7Us=', 'lz8IOVfHNZ+xlDrPnmaJvKbKXqcZfYCKrTwUSYaJ7+A=',
    ]);
    expect(proof(4, 8)).toEqual(['MfKXOrY+GTdd/g0WWpLr2aE9KLXm/HgHLEBovXu/vDc=']);
    expect(proof(6, 8)).toEqual([
      '0nN9zop98dfVz01fUtJ0gCxxv+IKLgeGguccGC05jJA=', '84SgD/FIOtEjwFy1A1yb+kai2SVUil+jas8Xdsmw9Eg=',
      'n0o/wg1BYtw31OI9kHhIcxp2BD//9taSiL8av7z/R44=',
    ]);
  });

  it('refuses proofs of what is not there', () => {
    const hashAt = hashAtOf(leaves(4));
    expect(() => inclusionProof(sha256, 4, 4, hashAt)).toThrow(RangeError);
    expect(() => inclusionProof(sha256, 0.5, 4, hashAt)).toThrow(RangeError);
    expect(() => consistencyProof(sha256, 5, 4, hashAt)).toThrow(RangeError);
    expect(consistencyProof(sha256, 0, 4, hashAt)).toEqual([]);
  });

  it('needs few stored nodes for a proof, even deep in a large tree', () => {
    expect(inclusionSubtrees(2 ** 40 + 12_345, 2 ** 41 + 7).length).toBeLessThanOrEqual(2 * 42);
  });
});

describe('the right edge', () => {
  it('is the same after a restore from the subtrees that the appends completed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 60 }), (size, more) => {
        const nodes = new Map<string, Uint8Array>();
        const edge = RightEdge.empty(sha256);
        const all = leaves(size + more);
        for (const leaf of all.slice(0, size)) for (const { level, index, hash } of edge.append(leaf)) nodes.set(`${level}/${index}`, hash);
        const restored = RightEdge.restore(sha256, size, (level, index) => nodes.get(`${level}/${index}`)!);
        for (const leaf of all.slice(size)) restored.append(leaf);
        expect(toHex(restored.root())).toBe(toHex(rootOf(sha256, all)));
        expect(restored.size).toBe(size + more);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves the original alone when a copy grows', () => {
    const edge = RightEdge.empty(sha256);
    for (const leaf of leaves(5)) edge.append(leaf);
    const before = toHex(edge.root());
    edge.copy().append(leaves(1)[0]!);
    expect([edge.size, toHex(edge.root())]).toEqual([5, before]);
  });
});

describe('tiles', () => {
  it('have the known bytes at size 300', () => {
    expect(toHex(sha256(concat(...leaves(300).slice(0, 256))))).toBe('b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b');
    expect(toHex(sha256(concat(...leaves(300).slice(256))))).toBe('03c8b91297109114834f4ea4b4043313b3abf15301439b30371d874810427409');
  });

  it('have the known paths and partial widths', () => {
    expect(tilePath(0, 1_234_067)).toBe('tile/0/x001/x234/067');
    expect(tilePath(0, 1, 44)).toBe('tile/0/001.p/44');
    expect(tilePath('entries', 0)).toBe('tile/entries/000');
    expect(partialWidths(70_000)).toEqual([112, 17, 1]);
  });

  it('carry entries with their lengths', () => {
    expect(toHex(packBundle(entries(3)))).toBe('000130000131000132');
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 600 })), (list) => expect(unpackBundle(packBundle(list))).toEqual(list)));
    expect(() => packBundle([new Uint8Array(65_536)])).toThrow(RangeError);
    expect(() => unpackBundle(Uint8Array.of(0))).toThrow(RangeError);
    expect(() => unpackBundle(Uint8Array.of(0, 2, 1))).toThrow(RangeError);
  });
});
