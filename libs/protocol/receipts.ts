import { sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson, verifyEd25519 } from '#kernel';
import { isPlainReceiptBody, receiptCharsMax, signatureCharsMax } from './plain-receipt.js';
import { receiptBody } from './receipt-body.js';
import type { ReceiptBody } from './receipt-body.js';
import { base64 } from './scalars.js';

/** The exact signed bytes (base64 of canonical JSON) and an Ed25519 signature over `mizan-receipt-v1\n` ‖ bytes. */
export const signedReceipt = z.object({ bytes: base64.max(receiptCharsMax), signature: base64.max(signatureCharsMax) });
export type SignedReceipt = z.output<typeof signedReceipt>;

const domain = Buffer.from('mizan-receipt-v1\n');

/** Ed25519 by a raw key in hex, the signature in base64; false for whatever is neither. */
export const isSignedBy = (publicKey: string, message: Uint8Array, signature: string): boolean => verifyEd25519(Buffer.from(publicKey, 'hex'), message, Buffer.from(signature, 'base64'));

export function signReceipt(body: ReceiptBody, privateKey: KeyObject): SignedReceipt {
  const bytes = Buffer.from(canonicalJson(isPlainReceiptBody(body) ? body : receiptBody.parse(body)));
  return { bytes: bytes.toString('base64'), signature: sign(null, Buffer.concat([domain, bytes]), privateKey).toString('base64') };
}

/** The receipt's body when the signature is by the node's key (raw, in hex); `undefined` when it is not or the bytes are no receipt. */
export function openReceipt(receipt: SignedReceipt, publicKey: string): ReceiptBody | undefined {
  const bytes = Buffer.from(receipt.bytes, 'base64');
  if (!isSignedBy(publicKey, Buffer.concat([domain, bytes]), receipt.signature)) return undefined;
  try {
    const body: unknown = JSON.parse(bytes.toString('utf8'));
    return isPlainReceiptBody(body) ? body : receiptBody.safeParse(body).data;
  } catch {
    return undefined;
  }
}
