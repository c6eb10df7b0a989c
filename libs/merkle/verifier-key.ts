import { concat, equalBytes, fromBase64, toBase64, toHex, toUtf8 } from './bytes.js';
import type { Hash } from './hash.js';
import { Malformed } from './malformed.js';

/** Signature types of C2SP signed-note that this log uses. */
export const SignatureType = { ed25519: 0x01, cosignature: 0x04 } as const;
export type SignatureType = (typeof SignatureType)[keyof typeof SignatureType];

/** A public key under a name; `publicKey` is the raw 32 bytes of Ed25519. */
export interface VerifierKey {
  readonly name: string;
  readonly type: SignatureType;
  readonly publicKey: Uint8Array;
  /** 8 hexadecimal digits. */
  readonly keyId: string;
}

/** First 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key), in hexadecimal. */
export function keyIdOf(hash: Hash, name: string, type: number, publicKey: Uint8Array): string {
  return toHex(hash(concat(toUtf8(name), Uint8Array.of(0x0a, type), publicKey)).subarray(0, 4));
}

/** Error: `Malformed` when the name or the key cannot be used. */
export function verifierKey(hash: Hash, name: string, publicKey: Uint8Array, type: SignatureType = SignatureType.ed25519): VerifierKey {
  if (!isKeyName(name)) throw new Malformed(`"${name}" is not a key name`);
  if (publicKey.length !== 32) throw new Malformed('an Ed25519 public key has 32 bytes');
  return { name, type, publicKey, keyId: keyIdOf(hash, name, type, publicKey) };
}

/** `name+keyid+base64(type ‖ public key)`. */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${key.keyId}+${toBase64(concat(Uint8Array.of(key.type), key.publicKey))}`;
}

export const isSameKey = (a: VerifierKey, b: VerifierKey): boolean => a.name === b.name && a.type === b.type && a.keyId === b.keyId && equalBytes(a.publicKey, b.publicKey);

/** Inverse of {@link formatVerifierKey}; the key id must be the right one. Error: `Malformed`. */
export function parseVerifierKey(hash: Hash, text: string): VerifierKey {
  // Base64 may hold a plus sign itself, so only the first two divide.
  const match = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text);
  if (!match) throw new Malformed('a verifier key reads name+id+base64');
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(match[3]!);
  } catch {
    throw new Malformed('the key of a verifier key is not base64');
  }
  const type = Object.values(SignatureType).find((known) => known === bytes[0]);
  if (type === undefined) throw new Malformed(`unknown signature type ${bytes[0]}`);
  const key = verifierKey(hash, match[1]!, bytes.subarray(1), type);
  if (key.keyId !== match[2]) throw new Malformed('the key id does not belong to the key');
  return key;
}

/** Not empty, no Unicode space, no plus sign, no control character. */
export function isKeyName(name: string): boolean {
  return /^[!-*,-~]+$/.test(name) || /^[^\s+\p{Cc}\p{Z}]+$/u.test(name);
}
