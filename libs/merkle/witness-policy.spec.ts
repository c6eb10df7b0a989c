import { describe, expect, it } from '@jest/globals';
import { ed25519Cosigner, ed25519Signer } from './node-crypto.js';
import { isOperatorsOwn } from './witness-policy.js';

const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const log = (name: string) => ed25519Signer(name, seedOf(1)).key;
const witness = (name: string, seed = 2) => ed25519Cosigner(name, seedOf(seed)).key;

describe("the operator's own witness", () => {
  it.each(['mizan.example/w', 'MIZAN.example/w', 'mizan.example:443/w', 'mizan.example./w', 'witness.mizan.example/w', 'a.b.mizan.example:8443/w'])('is %s, of the log mizan.example/audit', (name) => {
    expect(isOperatorsOwn(witness(name), log('mizan.example/audit'))).toBe(true);
  });

  it('is one above the domain of the log, and one with its key', () => {
    expect(isOperatorsOwn(witness('mizan.example/w'), log('log.mizan.example:443/audit'))).toBe(true);
    expect(isOperatorsOwn(witness('witness.example/w', 1), log('mizan.example/audit'))).toBe(true);
  });

  it.each(['witness.example/w', 'notmizan.example/w', 'mizan.example.org/w', 'example.mizan/w'])('is not %s', (name) => {
    expect(isOperatorsOwn(witness(name), log('mizan.example/audit'))).toBe(false);
  });
});
