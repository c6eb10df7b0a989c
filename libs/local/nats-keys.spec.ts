import { describe, expect, it } from '@jest/globals';
import { fromPublic, fromSeed } from '@nats-io/nkeys';
import { keysOf, newSeed } from './nats-keys.js';

describe('keys of NATS identities', () => {
  it.each(['operator', 'account', 'user'] as const)('of an %s have the public key and signatures that the library computes', (kind) => {
    const seed = newSeed(kind);
    const theirs = fromSeed(new TextEncoder().encode(seed));
    const text = new TextEncoder().encode('a fact');
    expect(keysOf(seed).getPublicKey()).toBe(theirs.getPublicKey());
    expect(Buffer.from(keysOf(seed).sign(text))).toEqual(Buffer.from(theirs.sign(text)));
    expect(fromPublic(keysOf(seed).getPublicKey()).verify(text, keysOf(seed).sign(text))).toBe(true);
  });
});
