import { openReceipt, receiptBody } from '#protocol';
import type { ReceiptBody, SignedReceipt } from '#protocol';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { Anomaly } from '../anomalies/anomaly.js';
import { operatorTenant } from '../ledger/chart-of-accounts.js';

/** A receipt as it is kept: what was signed, and what it says. */
export interface Receipt {
  readonly signed: SignedReceipt;
  readonly body: ReceiptBody;
  /** `unverified`: the node's key is not known yet. */
  readonly state: 'unverified' | 'claim';
}

/** A receipt beside which the same node signed another one for the record. */
export const contestedReceipt = ({ body }: Receipt): Anomaly => ({ kind: anomalyKinds.receiptConflict, subject: `${body.record} ${body.node}`, tenant: operatorTenant, detail: { node: body.node } });

/** Text that the database takes: no control characters, no lone surrogates. */
const storable = /^[^\p{Cc}\p{Cs}]{1,200}$/u;

/**
 * Checks a receipt that came from `node`. With its public key: the signature; without: only that it is one, to be verified
 * later. `receipt` undefined = it is none, or another's.
 */
export function verifiedReceipt(signed: SignedReceipt, node: string, publicKeyHex: string | undefined): { receipt: Receipt | undefined } {
  const body = publicKeyHex === undefined ? readUnverified(signed) : openReceipt(signed, publicKeyHex);
  if (body?.node !== node || !storable.test(body.model)) return { receipt: undefined };
  return { receipt: { signed, body, state: publicKeyHex === undefined ? 'unverified' : 'claim' } };
}

function readUnverified(signed: SignedReceipt): ReceiptBody | undefined {
  try {
    return receiptBody.safeParse(JSON.parse(Buffer.from(signed.bytes, 'base64').toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
