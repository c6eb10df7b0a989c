import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { chainPosition } from './settlement.js';
import { evmAddress, pageRequest, sha256Hex, timeMs, tokenUnits, txHash, uuid } from './scalars.js';

/** Bodies and headers of x402, version 2. What others send is open: unknown members pass. */
export const x402Version = 2 as const;
export const x402Headers = { required: 'payment-required', signature: 'payment-signature', response: 'payment-response' } as const;

/** A uint256 as decimal text. */
const uint = z
  .string()
  .regex(/^\d{1,78}$/, 'a whole number in decimal digits')
  .refine((text) => !/^\d{78}$/.test(text) || BigInt(text) < 2n ** 256n, 'must be below 2^256');
/** CAIP-2. */
const network = z.string().regex(/^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/, 'a chain as in eip155:8453');
/** 65 bytes of a key; more of a wallet that is a contract, which nodes pass to it: 4 KiB at most. */
const signature = z.string().regex(/^0x([0-9a-fA-F]{2}){1,4096}$/, 'hex bytes');
const shortText = z.string().max(2_000);

/** One way to pay. `amount` is in the asset's base units: the price of `exact`, the most of `upto`. */
export const paymentRequirements = z.object({
  scheme: z.string().max(64),
  network,
  amount: uint,
  asset: evmAddress,
  payTo: evmAddress,
  maxTimeoutSeconds: z.int().positive(),
  extra: z.record(z.string().max(64), z.json()).nullish(),
});
export type PaymentRequirements = z.output<typeof paymentRequirements>;

export const paymentRequired = z.object({
  x402Version: z.literal(x402Version),
  error: shortText.optional(),
  resource: z.object({ url: shortText, description: shortText.optional(), mimeType: shortText.optional(), serviceName: shortText.optional() }),
  accepts: z.array(paymentRequirements).min(1),
});
export type PaymentRequired = z.output<typeof paymentRequired>;

/** What the payer signed of an EIP-3009 transfer. */
export const eip3009Payload = z.object({
  signature,
  authorization: z.object({ from: evmAddress, to: evmAddress, value: uint, validAfter: uint, validBefore: uint, nonce: z.string().regex(/^0x[0-9a-fA-F]{64}$/, '32 bytes in hex') }),
});

/** What the payer signed of a Permit2 transfer; `facilitator` is there in `upto` alone. */
export const permit2Payload = z.object({
  signature,
  permit2Authorization: z.object({
    from: evmAddress,
    permitted: z.object({ token: evmAddress, amount: uint }),
    spender: evmAddress,
    nonce: uint,
    deadline: uint,
    witness: z.object({ to: evmAddress, facilitator: evmAddress.optional(), validAfter: uint }),
  }),
});
export type Eip3009Payload = z.output<typeof eip3009Payload>;
export type Permit2Payload = z.output<typeof permit2Payload>;

export const paymentPayload = z.object({
  x402Version: z.literal(x402Version, 'must be 2: version 1 is not spoken here'),
  accepted: paymentRequirements,
  payload: z.union([eip3009Payload, permit2Payload], 'must be an EIP-3009 authorisation or a Permit2 one'),
});
export type PaymentPayload = z.output<typeof paymentPayload>;

export const verifyResponse = z.object({ isValid: z.boolean(), invalidReason: z.string().optional(), payer: evmAddress.optional() });
export type VerifyResponse = z.output<typeof verifyResponse>;

/** `transaction` is empty where nothing went on chain. */
export const settleResponse = z.object({ success: z.boolean(), errorReason: z.string().optional(), payer: evmAddress.optional(), transaction: z.union([txHash, z.literal('')]), network, amount: uint.optional() });
export type SettleResponse = z.output<typeof settleResponse>;

export const supportedKinds = z.object({
  kinds: z.array(z.object({ x402Version: z.literal(x402Version), scheme: z.string(), network, extra: z.record(z.string(), z.json()).optional() })),
  extensions: z.array(z.string()),
  signers: z.record(z.string(), z.array(evmAddress)),
});

/** What a facilitator is asked. */
export const facilitatorRequest = z.object({ x402Version: z.literal(x402Version), paymentPayload, paymentRequirements });
export type FacilitatorRequest = z.output<typeof facilitatorRequest>;

/** How the operator is paid for requests, on which chain, in what. */
export const saleTerms = z.object({
  network,
  asset: evmAddress,
  payTo: evmAddress,
  maxTimeoutSeconds: z.int().positive(),
  /** Base units of the asset in one unit of the books, and what such units are worth: `nanos` nano-dollars are `units` of them, as statements count them. */
  unit: tokenUnits,
  rate: z.object({ nanos: tokenUnits.refine((nanos) => nanos > 0n), units: tokenUnits.refine((units) => units > 0n) }),
  /** Base units of the asset that a sale comes to at least. */
  amountMin: tokenUnits,
  /** Ways to pay, the simplest first. */
  methods: z.array(z.object({ scheme: z.enum(['exact', 'upto']), extra: z.record(z.string(), z.json()) })),
});
export type SaleTerms = z.output<typeof saleTerms>;

/** Identifies what a payment spends: an authorisation pays once, whatever it is sent with. */
export function paymentId(paid: Pick<PaymentPayload, 'accepted' | 'payload'>): string {
  const { accepted, payload } = paid;
  const parts = 'authorization' in payload
    ? ['eip3009', accepted.network, accepted.asset, payload.authorization.from, payload.authorization.nonce]
    : ['permit2', accepted.network, payload.permit2Authorization.from, BigInt(payload.permit2Authorization.nonce).toString()];
  return createHash('sha256').update(parts.join(' ').toLowerCase()).digest('hex');
}

/** Who pays. */
export const payerOf = ({ payload }: Pick<PaymentPayload, 'payload'>): string => ('authorization' in payload ? payload.authorization.from : payload.permit2Authorization.from);

export const x402PaymentStates = ['claimed', 'collecting', 'settled', 'failed'] as const;
export const x402Payment = z.object({
  id: sha256Hex,
  tenant: uuid,
  /** The request that it paid for; null of payments that others' servers brought. */
  record: uuid.nullable(),
  payer: evmAddress,
  payTo: evmAddress,
  scheme: z.string(),
  state: z.enum(x402PaymentStates),
  /** Base units that the payer signed for, and that were taken. */
  amountMax: tokenUnits,
  amount: tokenUnits.nullable(),
  tx: txHash.nullable(),
  errorReason: z.string().nullable(),
  createdAtMs: timeMs,
});

const reference = z.object({ payment: sha256Hex });

export const x402Calls = {
  /** How the operator sells requests; null where it does not. `isPaused`: no new payment is taken now, for its gas could not be paid. */
  terms: defineCall('settlement', 'x402.terms', { request: z.object({}), reply: z.object({ terms: saleTerms.nullable(), isPaused: z.boolean().default(false) }), timeoutMs: 10_000 }),
  supported: defineCall('settlement', 'x402.supported', { request: z.object({}), reply: supportedKinds, timeoutMs: 10_000 }),
  /** Whether a payment would pay now, by and to somebody whom no list of sanctions names. Errors: CHAIN_UNAVAILABLE, PAYMENTS_PAUSED, RATE_LIMITED, SCREENING_UNAVAILABLE; of `claim` too, and all but the second of `settle`. */
  verify: defineCall('settlement', 'x402.verify', { request: facilitatorRequest, reply: verifyResponse, timeoutMs: 10_000 }),
  /** Takes a payment for a server of the tenant's: verified, sent, mined. Asked again it answers the same. */
  settle: defineCall('settlement', 'x402.settle', { request: facilitatorRequest.extend({ tenant: uuid }), reply: settleResponse, timeoutMs: 30_000 }),
  /** Verifies a payment and sets it aside for one request, so that neither it nor the money behind it pays for another. */
  claim: defineCall('settlement', 'x402.claim', {
    request: facilitatorRequest.extend({ tenant: uuid, record: uuid, requestHash: sha256Hex, untilMs: timeMs }),
    reply: z.object({ payment: sha256Hex, invalidReason: z.string().nullable() }),
    timeoutMs: 10_000,
  }),
  /** The request failed: its payment is the payer's again. */
  release: defineCall('settlement', 'x402.release', { request: reference, reply: z.object({ released: z.boolean() }) }),
  /** Fixes what a claimed payment pays and hands it to the relayer. Errors: NOT_FOUND, CONFLICT (another amount is fixed), AMOUNT_INVALID. */
  collect: defineCall('settlement', 'x402.collect', { request: reference.extend({ amount: tokenUnits }), reply: reference }),
  /** What became of a payment; waits for its block. Errors: NOT_FOUND, CHAIN_UNAVAILABLE. */
  outcome: defineCall('settlement', 'x402.outcome', { request: reference, reply: settleResponse, timeoutMs: 30_000 }),
  payments: defineCall('settlement', 'x402.payments', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(x402Payment), hasMore: z.boolean() }) }),
} as const;

export const x402Events = {
  /** A payment for the operator's own work is final on chain. Units are those of the escrow. */
  settled: defineEvent('settlement', 'x402-settled', z.object({ payment: sha256Hex, tenant: uuid, record: uuid, payer: evmAddress, payTo: evmAddress, units: tokenUnits, at: chainPosition })),
  /** A payment that was good otherwise is refused for a list of sanctions: told once a day for each who is listed. */
  refused: defineEvent('settlement', 'x402-refused', z.object({ id: uuid, payer: evmAddress, payTo: evmAddress, reason: z.enum(['payer_sanctioned', 'recipient_sanctioned']), atMs: timeMs })),
} as const;
