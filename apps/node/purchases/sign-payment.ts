import { getAddress, id, toQuantity } from 'ethers';
import { paymentDigest, x402Proxies } from '#chain';
import type { DigestSigner } from '#chain';
import { x402Version } from '#protocol';
import type { PaymentPayload } from '#protocol';
import type { Way } from './choose-way.js';

/** Longest that a payment stays good, in seconds, whatever a seller asks for: how long money can be at risk without an answer. */
const validSecondsMax = 600;

/** What a seller's 402 says beside its ways to be paid; sent back unchanged. */
export interface Asking {
  readonly accepts: readonly unknown[];
  readonly resource?: unknown;
  readonly extensions?: unknown;
}

export interface SignedPayment {
  readonly header: string;
  readonly nonce: string;
  readonly validBefore: number;
}

/** The same for the same request and seller: what is signed twice can be taken once only, whatever a machine has forgotten. */
export const nonceOf = (record: string, host: string): string => id(`mizan x402 purchase ${record} ${host}`);

/** Signs one payment; nothing is sent. Errors: the signer's. */
export async function signPayment(asking: Asking, { wanted, verbatim, method }: Way, nonce: string, signer: DigestSigner, nowMs: number): Promise<SignedPayment> {
  const validBefore = Math.floor(nowMs / 1_000) + Math.min(wanted.maxTimeoutSeconds, validSecondsMax);
  const unsigned = method === 'eip3009' ? authorization(wanted, nonce, validBefore, signer.address) : permit(wanted, nonce, validBefore, signer.address);
  const { name, version } = (wanted.extra ?? {}) as { name?: string; version?: string };
  const digest = paymentDigest(unsigned, { ...wanted, asset: getAddress(wanted.asset.toLowerCase()) }, { name: name ?? '', version: version ?? '' });
  const payload = { ...unsigned, signature: (await signer.sign(digest)).serialized };
  const { resource, extensions } = asking;
  const sent = { x402Version, ...(resource === undefined ? {} : { resource }), accepted: verbatim, payload, ...(extensions === undefined ? {} : { extensions }) };
  return { header: Buffer.from(JSON.stringify(sent)).toString('base64'), nonce, validBefore };
}

const noSignature = '0x00';

function authorization({ payTo, amount }: Way['wanted'], nonce: string, validBefore: number, from: string): PaymentPayload['payload'] {
  return { signature: noSignature, authorization: { from, to: getAddress(payTo.toLowerCase()), value: amount, validAfter: '0', validBefore: validBefore.toString(), nonce } };
}

function permit({ scheme, asset, payTo, amount, extra }: Way['wanted'], nonce: string, validBefore: number, from: string): PaymentPayload['payload'] {
  const facilitator = scheme === 'upto' ? { facilitator: getAddress((extra?.['facilitatorAddress'] as string).toLowerCase()) } : {};
  return {
    signature: noSignature,
    permit2Authorization: {
      from,
      permitted: { token: getAddress(asset.toLowerCase()), amount },
      spender: x402Proxies[scheme as keyof typeof x402Proxies],
      nonce: BigInt(nonce).toString(),
      deadline: validBefore.toString(),
      witness: { to: getAddress(payTo.toLowerCase()), ...facilitator, validAfter: '0' },
    },
  };
}

/** Where Permit2 keeps a nonce: a word of 256 bits, and the bit. */
export const permit2Place = (nonce: string): { word: string; bit: bigint } => ({ word: toQuantity(BigInt(nonce) >> 8n), bit: BigInt(nonce) & 0xffn });
