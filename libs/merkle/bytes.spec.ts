import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sha256Text } from './bundle-crypto.js';
import { fromBase64, toBase64, toHex, toUtf8 } from './bytes.js';
import { nodeCrypto, sha256 } from './node-crypto.js';

describe('base64', () => {
  it('reads back what it wrote, as the platform reads it', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => expect(fromBase64(toBase64(bytes))).toEqual(new Uint8Array(Buffer.from(Buffer.from(bytes).toString('base64'), 'base64')))));
  });

  it('takes one text for one value, and no other', () => {
    const piece = fc.oneof(fc.constantFrom('A', 'b', '9', '+', '/', '=', '==', 'AB==', 'AAE=', '-', '_', ' ', '\n', '\u0141', '\u0100'), fc.base64String({ maxLength: 12 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
        const text = pieces.join('');
        const isOne = Buffer.from(text, 'base64').toString('base64') === text;
        if (isOne) expect(toBase64(fromBase64(text))).toBe(text);
        else expect(() => fromBase64(text)).toThrow(RangeError);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes nothing beyond ASCII for what was read before at its place, however long the text', () => {
    for (const length of [4, 4_092, 4_096, 4_100]) {
      for (const at of [0, length - 2, length - 1]) {
        for (const odd of ['\u00c1', '\u0141', '\u20ac', '\ud800']) {
          fromBase64('A'.repeat(4_096));
          expect(() => fromBase64('A'.repeat(at) + odd + 'A'.repeat(length - at - 1))).toThrow(RangeError);
        }
      }
    }
  });
});

describe('the hash of a text', () => {
  it('is that of its UTF-8, by the platform in one or by bytes', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ud800', '\udc00x'), (text, half) => expect(sha256Text(nodeCrypto, text + half)).toBe(toHex(sha256(toUtf8(text + half))))));
  });
});
