import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  consistencyProof, ed25519Signer, formatVerifierKey, fromBase64, fromHex, inclusionProof, leafHash, nodeHash, openNote, parseVerifierKey, RightEdge, rootOf, sha256, signNote, toHex, toUtf8, verifyConsistency, verifyInclusion, verifySignature,
  type HashAt,
} from './index.js';

/** Inputs, roots and proofs that Certificate Transparency has published for RFC 6962; RFC 9162 computes the same. */
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const inclusion: [index: number, size: number, proof: string[]][] = [
  [0, 1, []],
  [0, 2, ['96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7']],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [1, 8, ['6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4']],
  [5, 8, ['bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7']],
  [1, 5, ['6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b']],
];
const consistency: [oldSize: number, size: number, proof: string[]][] = [
  [1, 1, []],
  [1, 8, ['96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4']],
  [6, 8, ['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7']],
  [2, 5, ['5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b']],
];

const leaves = inputs.map((input) => leafHash(sha256, fromHex(input)));
const hashAt: HashAt = (level, index) => rootOf(sha256, leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

describe('the vectors of Certificate Transparency', () => {
  it('give the roots', () => {
    expect(roots.map((_, size) => toHex(rootOf(sha256, leaves.slice(0, size))))).toEqual(roots);
  });

  it('give the proofs, which verify', () => {
    for (const [index, size, proof] of inclusion) {
      expect([index, size, inclusionProof(sha256, index, size, hashAt).map(toHex)]).toEqual([index, size, proof]);
      expect(verifyInclusion(sha256, { leafHash: leaves[index]!, index, size, root: fromHex(roots[size]!), proof: proof.map(fromHex) })).toBe(true);
    }
    for (const [oldSize, size, proof] of consistency) {
      expect([oldSize, size, consistencyProof(sha256, oldSize, size, hashAt).map(toHex)]).toEqual([oldSize, size, proof]);
      expect(verifyConsistency(sha256, { oldSize, size, oldRoot: fromHex(roots[oldSize]!), root: fromHex(roots[size]!), proof: proof.map(fromHex) })).toBe(true);
    }
  });
});

describe('the example of the signed-note text', () => {
  const key = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const note = `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;

  it('opens with its key, and is what its seed signs', () => {
    const known = parseVerifierKey(sha256, key);
    expect(openNote(note, [known], verifySignature)).toEqual({ text, signedBy: [known] });
    const signer = ed25519Signer('PeterNeumann', fromBase64('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz').slice(1));
    expect([formatVerifierKey(signer.key), signNote(text, signer)]).toEqual([key, note]);
  });

  it('does not open with a word of it changed', () => {
    expect(() => openNote(note.replace('cryptography', 'photography'), [parseVerifierKey(sha256, key)], verifySignature)).toThrow('is wrong');
  });
});

describe('proofs in trees of any size', () => {
  /** Full subtrees of a tree with so many entries, each hashed once. */
  const levels: Uint8Array[][] = [Array.from({ length: 20_000 }, (_, at) => leafHash(sha256, toUtf8(String(at))))];
  for (let below = levels[0]!; below.length > 1; below = levels.at(-1)!) levels.push(Array.from({ length: Math.floor(below.length / 2) }, (_, at) => nodeHash(sha256, below[2 * at]!, below[2 * at + 1]!)));
  const at: HashAt = (level, index) => levels[level]![index]!;
  const rootAt = (size: number): Uint8Array => RightEdge.restore(sha256, size, at).root();
  const someTree = fc.integer({ min: 2, max: 20_000 }).chain((size) => fc.record({ size: fc.constant(size), below: fc.integer({ min: 1, max: size - 1 }), place: fc.nat(), bit: fc.nat(255) }));

  it('hold as they are and not with any bit of them changed', () => {
    fc.assert(
      fc.property(someTree, ({ size, below, place, bit }) => {
        const [root, oldRoot] = [rootAt(size), rootAt(below)];
        const changed = (proof: readonly Uint8Array[]): Uint8Array[] => proof.map((hash, n) => (n === place % proof.length ? hash.map((byte, nth) => (nth === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)) : hash));
        const included = { leafHash: levels[0]![below]!, index: below, size, root, proof: inclusionProof(sha256, below, size, at) };
        expect([verifyInclusion(sha256, included), verifyInclusion(sha256, { ...included, proof: changed(included.proof) })]).toEqual([true, false]);
        const continued = { oldSize: below, oldRoot, size, root, proof: consistencyProof(sha256, below, size, at) };
        expect([verifyConsistency(sha256, continued), verifyConsistency(sha256, { ...continued, proof: changed(continued.proof) })]).toEqual([true, false]);
      }),
      { numRuns: 200 },
    );
  });
});
