import { describe, expect, it } from '@jest/globals';
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { aesKeystream } from './aes-ctr.js';
import { toHex } from './bytes.js';

describe('the keystream of AES-256 in counter mode', () => {
  it('begins, under a key of zeros, with the published ciphertext of a block of zeros', () => {
    expect(toHex(aesKeystream(new Uint8Array(32), 1))).toBe('dc95c078a2408989ad48a21492842087');
  });

  it('is that of the platform under any key, beyond 256 blocks too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat(600), (key, blocks) => {
        const platform = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(16 * blocks));
        return Buffer.compare(platform, aesKeystream(key, blocks)) === 0;
      }),
    );
  });

  it('takes no key of another length', () => {
    for (const length of [0, 16, 31, 33]) expect(() => aesKeystream(new Uint8Array(length), 1)).toThrow(RangeError);
  });
});
