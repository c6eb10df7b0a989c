import { z } from 'zod';
import { defineCall, defineReplica } from './define.js';
import type { ValueOf } from './define.js';
import { evmAddress, nanos, timeMs, tokenUnits, uuid } from './scalars.js';
import { statementFile } from './statement-file.js';

/**
 * Bucket `exposures`, key = tenant: what its payees hold in receipts that no final statement pays, against the deposit that can pay them.
 * A gateway takes no work above it.
 */
export const exposureReplica = defineReplica(
  'exposures',
  z.object({
    tenant: uuid,
    payer: evmAddress,
    /** What is in the escrow at a final block and not asked back, in nano-dollars. */
    usableNanos: nanos,
    /** Earned and not settled. */
    unsettledNanos: nanos,
    /** When the books were read. */
    atMs: timeMs,
  }),
);
export type ExposureEntry = ValueOf<typeof exposureReplica>;

/** What one payee risks with one payer: paid from one deposit together with all others whom that payer owes. */
export const payeeExposure = z.object({
  payer: evmAddress,
  chainId: z.int().positive(),
  escrow: evmAddress,
  /** In the escrow at the block `finalBlock`; `thawing` of it is asked back and may leave from `thawEndsAtMs`. */
  availableUnits: tokenUnits,
  thawingUnits: tokenUnits,
  thawEndsAtMs: timeMs.nullable(),
  finalBlock: z.int().nonnegative(),
  nanosPerUnit: nanos,
  /** The payee's own receipts that no final statement pays. */
  unsettledNanos: nanos,
  /** Everybody's. */
  allUnsettledNanos: nanos,
  /** Whether what does not thaw covers everybody. */
  covered: z.boolean(),
  atMs: timeMs,
});
export type PayeeExposure = z.output<typeof payeeExposure>;

/** Voided statements that an answer names. */
export const voidedMax = 64;

/** A statement as it was handed out: `number` rises with each signature. */
export const handedStatement = z.object({ number: z.int().positive(), file: statementFile });

/** Numbers of what was handed to the asker and can land no more, newest first: an empty statement took the payer's epoch, and what it was to pay is owed again. */
const voided = z.array(z.int().positive()).max(voidedMax).optional();

/**
 * Shows that the asker holds the payee's key: EIP-191 signature over {@link payeeProofText}, at most five minutes old. Only the payee's own
 * eyes are at stake: a proof moves no money.
 */
export const payeeProof = z.object({ signedAtMs: timeMs, signature: z.string().regex(/^0x[0-9a-fA-F]{130}$/, 'is 65 bytes of hex') });

export const payeeProofText = (payee: string, signedAtMs: number): string => `Mizan: show me what is signed for and owed to ${payee.toLowerCase()}\nat ${new Date(signedAtMs).toISOString()}`;

export const nonCustodyCalls = {
  /** Statements that pay a payee, oldest first, after a number. Error: NOT_ALLOWED (no good proof). */
  handedStatements: defineCall('settlement', 'payees.statements', {
    request: z.object({ payee: evmAddress, proof: payeeProof, after: z.int().nonnegative().default(0) }),
    reply: z.object({ data: z.array(handedStatement), hasMore: z.boolean(), voided }),
  }),
  /** Error: NOT_ALLOWED (no good proof). */
  payeeExposure: defineCall('settlement', 'payees.exposure', { request: z.object({ payee: evmAddress, proof: payeeProof }), reply: z.object({ data: z.array(payeeExposure) }) }),
  /** Every payer, or one organisation's. */
  exposures: defineCall('settlement', 'exposures.list', { request: z.object({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(exposureReplica.value) }) }),
} as const;

/** Node → settlement on `node.<id>.up.statements`, JSON: asks for the next statement after a number. */
export const nodeStatementsRequest = z.object({ v: z.literal(1), after: z.int().nonnegative() });
/** Its answer; `voided` comes with the last, which has no statement. */
export const nodeStatementsReply = z.object({ v: z.literal(1), statement: handedStatement.nullable(), voided });
/** Settlement → node on `node.<id>.down.exposure`: the whole picture, when it has changed. */
export const nodeExposureMessage = z.object({ v: z.literal(1), data: z.array(payeeExposure) });
