import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto';
import { verifyEd25519 } from '../kernel/ed25519.js';
import { notesBy, type BundleCrypto } from './bundle-crypto.js';
import { concat, fromHex, fromLatin1 } from './bytes.js';
import { cosignatureMessage, packCosignature, type Cosigner } from './cosignature.js';
import type { Hash } from './hash.js';
import type { NoteSignature, NoteSigner, VerifySignature } from './note.js';
import { SignatureType, verifierKey } from './verifier-key.js';

/** SHA-256 by Node's own crypto and Ed25519 by the kernel's: the default for what the rest of this library takes as parameters. A digest as text is made in a third of the time of one as a Buffer. */
export const sha256: Hash = (bytes) => fromLatin1(hash('sha256', bytes, 'binary'));

/** A Buffer's `slice` shares its memory and a Uint8Array's does not: only the latter leaves this file. */
function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

const pkcs8Prefix = fromHex('302e020100300506032b657004220420');
const spkiPrefix = fromHex('302a300506032b6570032100');

/** The raw 32-byte public key of an Ed25519 seed of 32 bytes. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  const spki = createPublicKey(privateKeyOf(seed)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(spkiPrefix.length));
}

/** 64-byte Ed25519 signature by the key with this 32-byte seed. */
export function ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return plain(sign(null, message, privateKeyOf(seed)));
}

/** By libsodium where it is to be had: `verifyEd25519` of the kernel says what is accepted. */
export const ed25519Verify: BundleCrypto['verify'] = verifyEd25519;

/** Signer of notes under a name. Error: `Malformed` when the name is not one. */
export function ed25519Signer(name: string, seed: Uint8Array): NoteSigner {
  const key = privateKeyOf(seed);
  return { key: verifierKey(sha256, name, ed25519PublicKey(seed)), sign: (message) => plain(sign(null, message, key)) };
}

/** Cosigner of checkpoints under a witness's name. Error: `Malformed` when the name is not one. */
export function ed25519Cosigner(name: string, seed: Uint8Array): Cosigner {
  const key = verifierKey(sha256, name, ed25519PublicKey(seed), SignatureType.cosignature);
  const cosign = (text: string, timeSeconds: number): NoteSignature => ({
    name,
    keyId: key.keyId,
    signature: packCosignature(timeSeconds, ed25519Sign(seed, cosignatureMessage(timeSeconds, text))),
  });
  return { key, cosign };
}

/** Signatures of logs and cosignatures of witnesses. */
export const verifySignature: VerifySignature = notesBy(ed25519Verify);

/** What verifying a bundle computes with. */
export const nodeCrypto: BundleCrypto = {
  hash: sha256,
  hashText: (text) => hash('sha256', text, 'hex'),
  verify: ed25519Verify,
};

function privateKeyOf(seed: Uint8Array) {
  if (seed.length !== 32) throw new RangeError('an Ed25519 seed has 32 bytes');
  return createPrivateKey({ key: Buffer.from(concat(pkcs8Prefix, seed)), format: 'der', type: 'pkcs8' });
}
