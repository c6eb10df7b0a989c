import { z } from 'zod';
import { defineCall } from './define.js';
import { base64, evmAddress, nanos, sha256Hex, timeMs, tokenUnits, txHash, uuid } from './scalars.js';

/** What a payee earned on one day from one organisation, by one machine and model. */
export const earnedLine = z.object({
  dayMs: timeMs,
  tenant: uuid,
  node: uuid,
  nodeName: z.string(),
  model: z.string(),
  endpoint: z.string(),
  jobs: z.int().nonnegative(),
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  amountNanos: nanos,
});
export type EarnedLine = z.output<typeof earnedLine>;

/** What owners of data have of a day's work: positive for the owner, negative for the machine's payee who gives it. */
export const sharedLine = z.object({ dayMs: timeMs, tenant: uuid, dataset: z.string(), /** The other side. */ with: evmAddress, records: z.int().nonnegative(), amountNanos: nanos });
export type SharedLine = z.output<typeof sharedLine>;

/** What was drawn for a payee into a statement for the chain, and whether it is credited there. */
export const drawnLine = z.object({
  statement: uuid,
  tenant: uuid,
  units: tokenUnits,
  amountNanos: nanos,
  drawnAtMs: timeMs,
  state: z.enum(['drawn', 'settled']),
  settledTx: txHash.nullable(),
});
export type DrawnLine = z.output<typeof drawnLine>;

/** A payee's account over a period, in nano-dollars: `opening + earned + shared − forfeited − drawn = closing`. */
export const payeeStatement = z.object({
  payee: evmAddress,
  /** Of one organisation alone; `null`: of all. */
  tenant: uuid.nullable(),
  fromMs: timeMs,
  toMs: timeMs,
  openingNanos: nanos,
  earned: z.array(earnedLine),
  earnedNanos: nanos,
  /** Royalties got, and given. */
  shared: z.array(sharedLine),
  sharedNanos: nanos,
  drawn: z.array(drawnLine),
  drawnNanos: nanos,
  /** Held back, and lost since verification refuted the work. */
  forfeitedNanos: nanos,
  closingNanos: nanos,
  /** How much of that is held until work is verified. */
  heldNanos: nanos,
});
export type PayeeStatement = z.output<typeof payeeStatement>;

const request = z.object({ payee: evmAddress, tenant: uuid.nullable(), fromMs: timeMs, toMs: timeMs });

export const payeeCalls = {
  /** Errors: NOT_FOUND (nobody who ever earned), REQUEST_INVALID (more lines than one answer holds; end before start). */
  statement: defineCall('billing', 'payees.statement', { request, reply: payeeStatement, timeoutMs: 20_000 }),
  /** The same as a PDF. */
  statementFile: defineCall('billing', 'payees.statement-file', { request, reply: z.object({ name: z.string(), bytes: base64, sha256: sha256Hex }), timeoutMs: 30_000 }),
} as const;
