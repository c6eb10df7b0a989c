import { concat, toHex, toUtf8 } from './bytes.js';
import { cosignatureMessage, unpackCosignature } from './cosignature.js';
import type { Hash } from './hash.js';
import type { VerifySignature } from './note.js';
import { SignatureType } from './verifier-key.js';

/** What verifying a bundle computes with: node:crypto gives it (`nodeCrypto`), and WebCrypto by `withWebCrypto`. */
export interface BundleCrypto {
  /** SHA-256. */
  readonly hash: Hash;
  /** SHA-256 of a text's UTF-8 as lower-case hex, where the platform has it in one; else it is made by `hash`. */
  readonly hashText?: (text: string) => string;
  /** Ed25519 by a raw 32-byte key; false for whatever is not a signature of it. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
}

/** Signatures of logs and cosignatures of witnesses, by a plain Ed25519. */
export function notesBy(verify: BundleCrypto['verify']): VerifySignature {
  return (key, text, signature) => {
    if (key.type === SignatureType.ed25519) return verify(key.publicKey, toUtf8(text), signature);
    const cosignature = unpackCosignature(signature);
    return cosignature !== undefined && verify(key.publicKey, cosignatureMessage(cosignature.timeSeconds, text), cosignature.signature);
  };
}

/** SHA-256 of a text's UTF-8, in hexadecimal. */
export const sha256Text = ({ hash, hashText }: BundleCrypto, text: string): string => hashText?.(text) ?? toHex(hash(toUtf8(text)));

const blockBytes = 64;

/** HMAC by RFC 2104 over the hash. */
export function hmac(hash: Hash, key: Uint8Array, message: Uint8Array): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block.set(key.length > blockBytes ? hash(key) : key);
  const padded = (byte: number): Uint8Array => block.map((value) => value ^ byte);
  return hash(concat(padded(0x5c), hash(concat(padded(0x36), message))));
}
