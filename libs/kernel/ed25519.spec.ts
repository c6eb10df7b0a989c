import { describe, expect, it } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519';
import { createHash } from 'node:crypto';
import { ed25519Engine, verifyEd25519, verifyEd25519ByNode } from './ed25519.js';
import { isWeakPoint } from './ed25519-points.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
const toBytes = (value: bigint): Uint8Array => Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse());
const order = ed25519.CURVE.n;
const Point = ed25519.ExtendedPoint;
const message = Buffer.from('what was signed');

/** A signature by the secret numbers themselves, so that its points may be any. */
function signatureOf(key: Uint8Array, secret: bigint, point: Uint8Array, nonce: bigint): Uint8Array {
  const challenge = toNumber(createHash('sha512').update(point).update(key).update(message).digest()) % order;
  return Buffer.concat([point, toBytes((nonce + challenge * secret) % order)]);
}

/** RFC 8032 §7.1, tests 1 to 3: key, message, signature. */
const published = [
  ['d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', '', 'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'],
  ['3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', '72', '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'],
  ['fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'af82', '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'],
] as const;

const weakPoints = [
  ...[0n, 1n, 2n ** 255n - 20n, 2n ** 255n - 19n, 2n ** 255n - 18n, 2n ** 255n - 1n].map(toBytes),
  ...['26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'].map(hex),
].flatMap((point) => [point, point.with(31, point[31]! | 0x80)]);

describe.each([['as installed', verifyEd25519], ['by node:crypto', verifyEd25519ByNode]])('Ed25519 %s', (_, verify) => {
  it('is libsodium where this package\'s own dependencies are installed', () => expect(ed25519Engine()).toBe('libsodium'));

  it.each(published)('accepts the published signature of %s, and none with one bit changed', (key, text, signature) => {
    expect(verify(hex(key), hex(text), hex(signature))).toBe(true);
    for (let bit = 0; bit < 512; bit += 1) {
      const changed = hex(signature);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect([bit, verify(hex(key), hex(text), changed)]).toEqual([bit, false]);
    }
  });

  it('refuses a signature whose s is written with the order added', () => {
    const [key, text, signature] = published[1].map(hex) as [Uint8Array, Uint8Array, Uint8Array];
    const again = Buffer.concat([signature.subarray(0, 32), toBytes(toNumber(signature.subarray(32)) + order)]);
    expect(verify(key, text, again)).toBe(false);
  });

  it('refuses keys and points of small order or with a second encoding, though the equation holds', () => {
    const [secret, nonce] = [0x1234567890abcdefn, 0xfedcba0987654321n];
    const honest = Point.BASE.multiply(secret).toRawBytes();
    for (const weak of weakPoints) {
      expect(isWeakPoint(weak)).toBe(true);
      expect(verify(weak, message, signatureOf(weak, 0n, Point.BASE.multiply(nonce).toRawBytes(), nonce))).toBe(false);
      expect(verify(honest, message, signatureOf(honest, secret, weak, 0n))).toBe(false);
    }
    expect(isWeakPoint(honest)).toBe(false);
    expect(verify(honest, message, signatureOf(honest, secret, Point.BASE.multiply(nonce).toRawBytes(), nonce))).toBe(true);
  });

  it('refuses what only holds when multiplied by the cofactor', () => {
    const [secret, nonce] = [0x1234567890abcdefn, 0xfedcba0987654321n];
    const twist = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
    const key = Point.BASE.multiply(secret).toRawBytes();
    expect(verify(key, message, signatureOf(key, secret, Point.BASE.multiply(nonce).add(twist).toRawBytes(), nonce))).toBe(false);
  });

  it('refuses keys and signatures of another length, and keys that are no point', () => {
    const [key, text, signature] = published[0].map(hex) as [Uint8Array, Uint8Array, Uint8Array];
    expect(verify(key.subarray(1), text, signature)).toBe(false);
    expect(verify(key, text, signature.subarray(1))).toBe(false);
    expect(verify(hex(`02${'00'.repeat(31)}`), text, signature)).toBe(false);
  });
});
