import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generateApiKey, hashApiKey, isApiKey, tailOf } from './api-key.js';
import { toBase62 } from './base62.js';

describe('an API key', () => {
  it('carries 256 random bits and a checksum', () => {
    const key = generateApiKey();
    expect(key).toMatch(/^mzn_[0-9A-Za-z]{49}$/);
    expect(isApiKey(key)).toBe(true);
    expect(generateApiKey()).not.toBe(key);
  });

  it('is refused after any change of one character', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.nat({ max: 52 }), fc.constantFrom(...'0aZ~'), (bytes, at, character) => {
        const key = generateApiKey(() => bytes);
        fc.pre(key[at] !== character);
        expect(isApiKey(key.slice(0, at) + character + key.slice(at + 1))).toBe(false);
      }),
    );
  });

  it('is stored as a keyed hash that another pepper does not give', () => {
    const key = generateApiKey();
    expect(hashApiKey('pepper of one', key)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashApiKey('pepper of one', key)).not.toBe(hashApiKey('pepper of two', key));
    expect(key.endsWith(tailOf(key))).toBe(true);
  });

  it('has one length for every value', () => {
    expect(toBase62(Buffer.alloc(32))).toBe('0'.repeat(43));
    expect(toBase62(Buffer.alloc(32, 0xff))).toHaveLength(43);
    expect(toBase62(Buffer.from([62]))).toBe('10');
  });
});
