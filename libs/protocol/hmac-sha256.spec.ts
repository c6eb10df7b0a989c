import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HmacSha256 } from './hmac-sha256.js';

describe('HMAC-SHA256 of short texts', () => {
  it('gives what node:crypto gives, whatever key and texts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { minLength: 1, maxLength: 5 }), (key, texts) => {
        const hmac = new HmacSha256(key);
        for (const text of texts) expect(hmac.of(text)).toBe(createHmac('sha256', key).update(text).digest('hex'));
      }),
    );
  });

  it('refuses a key that it would have to hash first', () => {
    expect(() => new HmacSha256(new Uint8Array(65))).toThrow(RangeError);
  });
});
