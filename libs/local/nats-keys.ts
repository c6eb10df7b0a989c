import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { createAccount, createOperator, createUser, fromSeed } from '@nats-io/nkeys';
import type { KeyPair } from '@nats-io/nkeys';

const creators = { operator: createOperator, account: createAccount, user: createUser };
/** First byte of an encoded public key, by the second letter of the seed. */
const prefixes: Record<string, number> = { O: 14 << 3, A: 0, U: 20 << 3 };
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The seed of a new key of that kind. */
export function newSeed(kind: keyof typeof creators): string {
  return new TextDecoder().decode(creators[kind]().getSeed());
}

/**
 * The key pair of a seed. It signs with the platform's Ed25519: the library's own arithmetic takes 10 to 300 ms a signature,
 * and a deployment needs two dozen of them.
 */
export function keysOf(seed: string): KeyPair {
  const keys = fromSeed(new TextEncoder().encode(seed));
  const raw = (keys as unknown as { getRawSeed(): Uint8Array }).getRawSeed();
  const secret = createPrivateKey({ key: Buffer.concat([pkcs8, raw]), format: 'der', type: 'pkcs8' });
  const bytes = Buffer.from(createPublicKey(secret).export({ format: 'jwk' }).x as string, 'base64url');
  const publicKey = encodeKey(prefixes[seed[1]!]!, bytes);
  return Object.assign(keys, {
    getPublicKey: () => publicKey,
    sign: (input: Uint8Array) => new Uint8Array(sign(null, input, secret)),
  });
}

/** Prefix, key and little-endian CRC-16, in base 32 without padding. */
function encodeKey(prefix: number, key: Uint8Array): string {
  const body = Buffer.concat([Buffer.of(prefix), key]);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc16(body));
  return base32(Buffer.concat([body, sum]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}

function base32(bytes: Uint8Array): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31];
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31]! : text;
}
