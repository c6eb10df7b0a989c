import { createPublicKey, verify } from 'node:crypto';
import { createRequire } from 'node:module';
import { isWeakPoint } from './ed25519-points.js';
import { Lru } from './lru.js';

/** Ed25519 by a raw 32-byte key; false for whatever is not a signature of it. */
export type VerifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/**
 * RFC 8032 without the cofactor, s below the group's order, and neither the key nor the signature's point weak (`isWeakPoint`). By libsodium,
 * which takes half of the time that node:crypto does; by node:crypto, with the same answers, where its native module is not to be had (musl).
 */
export const verifyEd25519: VerifyEd25519 = (publicKey, message, signature) => verifyBy(libsodium() ?? nodeVerify, publicKey, message, signature);

/** The same by node:crypto, whatever is installed. */
export const verifyEd25519ByNode: VerifyEd25519 = (publicKey, message, signature) => verifyBy(nodeVerify, publicKey, message, signature);

/** Which of the two answers here. */
export const ed25519Engine = (): 'libsodium' | 'node:crypto' => (libsodium() === undefined ? 'node:crypto' : 'libsodium');

function verifyBy(engine: VerifyEd25519, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64 || isWeakPoint(publicKey) || isWeakPoint(signature.subarray(0, 32))) return false;
  return engine(publicKey, message, signature);
}

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

const nodeVerify: VerifyEd25519 = (publicKey, message, signature) => verify(null, message, publicKeyOf(publicKey), signature);

/** Keys that signatures were verified by lately: to read one takes longer than to verify by it. */
const publicKeys = new Lru<string, ReturnType<typeof createPublicKey>>(256);

function publicKeyOf(bytes: Uint8Array): ReturnType<typeof createPublicKey> {
  const name = Buffer.from(bytes).toString('latin1');
  const known = publicKeys.get(name);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, bytes]), format: 'der', type: 'spki' });
  publicKeys.set(name, key);
  return key;
}

interface Sodium {
  crypto_sign_verify_detached: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
}

/** Null: not asked for yet. A process that verifies nothing does not load it. */
let loaded: VerifyEd25519 | undefined | null = null;

function libsodium(): VerifyEd25519 | undefined {
  if (loaded !== null) return loaded;
  try {
    const sodium = createRequire(import.meta.url)('sodium-native') as Sodium;
    loaded = (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey);
  } catch {
    loaded = undefined;
  }
  return loaded;
}
