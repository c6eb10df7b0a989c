import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { sealKeyContext, unwrapKey, wrapKey } from './key-wrapping.js';

const masterKey = randomBytes(32);
const key = randomBytes(32);
const context = sealKeyContext('tenant', 'id');

describe('a wrapped key', () => {
  it('opens to what was wrapped and looks different each time', () => {
    const wrapped = wrapKey(masterKey, key, context);
    expect(unwrapKey(masterKey, wrapped, context)).toEqual(key);
    expect(wrapKey(masterKey, key, context)).not.toEqual(wrapped);
    expect(wrapped.includes(key)).toBe(false);
  });

  it('does not open with another master key, in another place, or after a change', () => {
    const wrapped = wrapKey(masterKey, key, context);
    expect(() => unwrapKey(randomBytes(32), wrapped, context)).toThrow();
    expect(() => unwrapKey(masterKey, wrapped, sealKeyContext('other', 'id'))).toThrow();
    for (let i = 0; i < wrapped.length; i += 1) {
      const changed = Buffer.from(wrapped);
      changed[i]! ^= 1;
      expect(() => unwrapKey(masterKey, changed, context)).toThrow();
    }
  });
});
