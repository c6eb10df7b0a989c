import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { evmAddress, pageRequest, timeMs, uuid } from './scalars.js';

/** For whom an address is to be paid: a machine that names it, or an organisation. */
export const payeeSubject = z.union([z.strictObject({ node: uuid }), z.strictObject({ organisation: uuid })]);
export type PayeeSubject = z.output<typeof payeeSubject>;

export const payeeSubjectText = (subject: PayeeSubject): string => ('node' in subject ? `node ${subject.node}` : `organisation ${subject.organisation}`);

/** What the owner of an address signs: good on one chain, for one escrow and one subject, until a moment. */
export interface PayeeClaim {
  readonly chainId: number;
  readonly escrow: string;
  readonly payee: string;
  readonly subject: PayeeSubject;
  /** Unix seconds. */
  readonly validUntil: number;
}

/** To be signed as a message (EIP-191). */
export const payeeClaimText = ({ chainId, escrow, payee, subject, validUntil }: PayeeClaim): string =>
  `Mizan: ${payee.toLowerCase()} is mine, and may be paid\nfor ${payeeSubjectText(subject)}\non chain ${chainId}, escrow ${escrow.toLowerCase()}\nsigned before ${new Date(validUntil * 1_000).toISOString()}`;

/** The same as typed data (EIP-712). */
export const payeeClaimTypes = {
  PayeeRegistration: [
    { name: 'payee', type: 'address' },
    { name: 'subject', type: 'string' },
    { name: 'validUntil', type: 'uint64' },
  ],
};

/** How long a claim may be good for from when it is asked for. */
export const payeeClaimSeconds = 3_600;

export const payeeChallenge = z.object({
  chainId: z.int().positive(),
  escrow: evmAddress,
  payee: evmAddress,
  subject: payeeSubject,
  validUntil: z.int().positive(),
  text: z.string(),
  typedData: z.object({
    domain: z.object({ name: z.string(), version: z.string(), chainId: z.int().positive(), verifyingContract: evmAddress }),
    types: z.object({ PayeeRegistration: z.array(z.object({ name: z.string(), type: z.string() })) }),
    primaryType: z.literal('PayeeRegistration'),
    message: z.object({ payee: evmAddress, subject: z.string(), validUntil: z.int().positive() }),
  }),
});

/** `key`: signed with the address's own key; `wallet`: the contract at the address says so (ERC-1271). */
export const payeeProofScheme = z.enum(['eip191-key', 'eip712-key', 'eip191-wallet', 'eip712-wallet']);
export type PayeeProofScheme = z.output<typeof payeeProofScheme>;

export const provedPayee = z.object({ payee: evmAddress, subject: payeeSubject, scheme: payeeProofScheme, provedAtMs: timeMs });

/** A payee that is known: `index` once it is registered on chain and final. */
export const knownPayee = z.object({ payee: evmAddress, index: z.int().nonnegative().nullable(), proofs: z.array(provedPayee.omit({ payee: true })) });

/** Hex of at most 2 kB: wallets that are contracts sign whatever they like. */
const signature = z.string().regex(/^0x([0-9a-fA-F]{2}){1,2048}$/, 'hex of at most 2,048 bytes');

export const payeeRegistrationCalls = {
  /** Errors: NOT_FOUND (no such machine with this address, no such organisation). */
  challenge: defineCall('settlement', 'payees.challenge', { request: z.object({ payee: evmAddress, subject: payeeSubject }), reply: payeeChallenge }),
  /** Again answers the same. Errors: NOT_FOUND (also an organisation that never owed the address anything), NOT_ALLOWED (signature or time), SANCTIONED, SCREENING_UNAVAILABLE, SERVICE_UNAVAILABLE, CHAIN_UNAVAILABLE. */
  register: defineCall('settlement', 'payees.register', { request: z.object({ payee: evmAddress, subject: payeeSubject, validUntil: z.int().positive(), signature }), reply: provedPayee, timeoutMs: 15_000 }),
  /** By address; `after` is the address of the last of the page before. */
  list: defineCall('settlement', 'payees.list', { request: pageRequest, reply: z.object({ data: z.array(knownPayee), hasMore: z.boolean() }) }),
} as const;

export const payeeRegistrationEvents = {
  proved: defineEvent('settlement', 'payee-proved', provedPayee),
} as const;
