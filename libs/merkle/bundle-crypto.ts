import { concat, equalBytes, toHex, toUtf8 } from './bytes.js';
import { cosignatureMessage, unpackCosignature } from './cosignature.js';
import { hashBytes, type Hash } from './hash.js';
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
  /** The first bytes of the AES-256-CTR keystream under a key of 32 bytes, the counter from zero. */
  readonly keystream: (key: Uint8Array, length: number) => Uint8Array;
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

/** The same crypto for the checks of one file, which ask for the keystream of the operator's public entries and for the upper nodes of the tree again and again. */
export function remembering(crypto: BundleCrypto): BundleCrypto {
  const known = new Map<string, Uint8Array>();
  const keystream = (key: Uint8Array, length: number): Uint8Array => {
    const name = String.fromCharCode(...key);
    let stream = known.get(name);
    if (stream === undefined || stream.length < length) known.set(name, (stream = crypto.keystream(key, Math.ceil(length / keystreamBytes) * keystreamBytes)));
    return stream.subarray(0, length);
  };
  return { ...crypto, hash: rememberingNodes(crypto.hash), keystream };
}

/** Of what a node is: a byte and two hashes. */
const nodeBytes = 1 + 2 * hashBytes;

/** Makes the hash of a node once: proofs of one tree meet on their way to its root. Nodes are looked up by some of their bytes, and are the same when all are. */
function rememberingNodes(hash: Hash): Hash {
  const known = new Map<number, { readonly node: Uint8Array; readonly made: Uint8Array }>();
  return (bytes) => {
    if (bytes.length !== nodeBytes) return hash(bytes);
    const place = wordAt(bytes, 1) ^ wordAt(bytes, 1 + hashBytes);
    const found = known.get(place);
    if (found !== undefined && equalBytes(found.node, bytes)) return found.made;
    const node = bytes.slice();
    const made = hash(bytes);
    known.set(place, { node, made });
    return made;
  };
}

const wordAt = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** The salts of 64 fields: most bodies have fewer. */
const keystreamBytes = 1_024;

const blockBytes = 64;

/** HMAC by RFC 2104 over the hash. */
export function hmac(hash: Hash, key: Uint8Array, message: Uint8Array): Uint8Array {
  const block = new Uint8Array(blockBytes);
  block.set(key.length > blockBytes ? hash(key) : key);
  const padded = (byte: number): Uint8Array => block.map((value) => value ^ byte);
  return hash(concat(padded(0x5c), hash(concat(padded(0x36), message))));
}
