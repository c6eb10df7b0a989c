import { createPublicKey, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import { isPlainReceiptBody, receiptCharsMax, signatureCharsMax } from './plain-receipt.js';
import { base64, sha256Hex, timeMs, uuid } from './scalars.js';
import { endpoint, usage } from './vocabulary.js';

/** What a node signs about a job it ran: hashes of the plaintext bytes it received and sent, and the engine's usage. */
export const receiptBody = z.object({
  v: z.literal(1),
  /** The request's record id. */
  record: uuid,
  node: uuid,
  offer: uuid,
  model: z.string(),
  endpoint,
  requestHash: sha256Hex,
  responseHash: sha256Hex,
  usage,
  startedAtMs: timeMs,
  endedAtMs: timeMs,
});
export type ReceiptBody = z.output<typeof receiptBody>;

/** The exact signed bytes (base64 of canonical JSON) and an Ed25519 signature over `mizan-receipt-v1\n` ‖ bytes. */
export const signedReceipt = z.object({ bytes: base64.max(receiptCharsMax), signature: base64.max(signatureCharsMax) });
export type SignedReceipt = z.output<typeof signedReceipt>;

const domain = Buffer.from('mizan-receipt-v1\n');
const spkiEd25519 = Buffer.from('302a300506032b6570032100', 'hex');

/** A public key object from a raw 32-byte Ed25519 key in hex. */
export function ed25519PublicKey(rawHex: string): KeyObject {
  return createPublicKey({ key: Buffer.concat([spkiEd25519, Buffer.from(rawHex, 'hex')]), format: 'der', type: 'spki' });
}

export function signReceipt(body: ReceiptBody, privateKey: KeyObject): SignedReceipt {
  const bytes = Buffer.from(canonicalJson(isPlainReceiptBody(body) ? body : receiptBody.parse(body)));
  return { bytes: bytes.toString('base64'), signature: sign(null, Buffer.concat([domain, bytes]), privateKey).toString('base64') };
}

/**
 * The receipt's body when the signature is the node's; `undefined` when it is not or the bytes are no receipt. Reading a key from hex
 * costs more than a signature's check: who opens many receipts of one node gives the key object.
 */
export function openReceipt(receipt: SignedReceipt, publicKey: string | KeyObject): ReceiptBody | undefined {
  const bytes = Buffer.from(receipt.bytes, 'base64');
  const key = typeof publicKey === 'string' ? ed25519PublicKey(publicKey) : publicKey;
  if (!verify(null, Buffer.concat([domain, bytes]), key, Buffer.from(receipt.signature, 'base64'))) {
    return undefined;
  }
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    return isPlainReceiptBody(body) ? body : receiptBody.safeParse(body).data;
  } catch {
    return undefined;
  }
}
