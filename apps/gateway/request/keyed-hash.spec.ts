import { describe, expect, it } from '@jest/globals';
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { KeyedHash } from './keyed-hash.js';

describe('a keyed hash', () => {
  it('is the HMAC of every text under every key', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.string({ maxLength: 200 }), (key, text) => {
        expect(new KeyedHash(key).of(text)).toEqual(createHmac('sha256', key).update(text).digest());
      }),
    );
  });
});
