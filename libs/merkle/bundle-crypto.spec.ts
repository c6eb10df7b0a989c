import { describe, expect, it } from '@jest/globals';
import { remembering } from './bundle-crypto.js';
import { nodeCrypto, sha256 } from './node-crypto.js';
import { nodeHash } from './tree.js';

describe('the crypto for one file', () => {
  const counted = () => {
    let count = 0;
    const crypto = remembering({ ...nodeCrypto, hash: (bytes) => ((count += 1), sha256(bytes)) });
    return { crypto, count: () => count };
  };
  const [left, right] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];

  it('makes a node of two hashes once', () => {
    const { crypto, count } = counted();
    for (let time = 0; time < 3; time += 1) expect(nodeHash(crypto.hash, left, right.slice())).toEqual(nodeHash(sha256, left, right));
    expect(count()).toBe(1);
  });

  it('takes no node for another, whichever bit of the two differs', () => {
    const { crypto } = counted();
    for (let bit = 0; bit < 65 * 8; bit += 1) {
      const node = Uint8Array.of(1, ...left, ...right);
      crypto.hash(node);
      node[bit >> 3]! ^= 1 << (bit & 7);
      expect(crypto.hash(node)).toEqual(sha256(node));
    }
    expect(nodeHash(crypto.hash, right, left)).toEqual(nodeHash(sha256, right, left));
  });
});
