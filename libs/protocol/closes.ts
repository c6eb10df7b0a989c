import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { evmAddress, nanos, pageRequest, sha256Hex, timeMs, tokenUnits, uuid } from './scalars.js';

/** What two of the books, the log, the receipts and the chain say differently. */
export const closeDifferenceKinds = [
  // within the books
  'currency_not_zero',
  'balance_not_postings',
  'charge_without_transfer',
  'transfer_without_charge',
  'charge_not_transfer_amount',
  'usage_not_charges',
  'leases_not_account',
  'drawn_not_statements',
  'held_not_account',
  'granted_not_account',
  'invoice_not_ledger',
  'invoice_not_usage',
  'adjustment_not_ledger',
  'payables_not_charges',
  'statement_not_ledger',
  'settled_not_ledger',
  'receipt_missing',
  'receipt_not_charge',
  'budget_not_accounts',
  'invoices_not_account',
  'payments_not_invoice',
  'credit_balance_not_account',
  'refunds_not_account',
  'reserved_not_account',
  'royalties_not_ledger',
  // books and audit log
  'record_without_charge',
  'charge_without_record',
  'charges_missing',
  'charge_not_record',
  // books and chain
  'deposit_not_chain',
  'credit_not_chain',
  'settled_not_chain',
  'chain_unchecked',
  // settlement's own comparison of chain, events, statements and books
  'tokens_not_reconciled',
  'usage_without_buyer',
] as const;
export const closeDifference = z.object({
  kind: z.enum(closeDifferenceKinds),
  /** What it is about: a record, an account, a budget, a payee, an organisation. */
  subject: z.string(),
  /** What either side says. */
  detail: z.string(),
});
export type CloseDifference = z.output<typeof closeDifference>;

export const close = z.object({
  /** From 1, without gaps. */
  number: z.int().positive(),
  /** Of the entry `books.closed` in the log. */
  record: uuid,
  closedAtMs: timeMs,
  /** The period ends before this entry of the log; what comes after it, and what was booked too late, is in the next. */
  logSize: z.int().nonnegative(),
  /** SHA-256 over the lines `<currency> <account> <balance>` of all accounts, sorted by bytes, each ended by a line feed. */
  trialBalanceHash: sha256Hex,
  /** Charges of this period, and what they come to. */
  charges: z.int(),
  chargedNanos: nanos,
  /** Ended records that the books took in too late for this period. */
  carried: z.int().nonnegative(),
  /** Receipts that no charge supports: shown, not a difference. */
  openClaims: z.int().nonnegative(),
  /** Hours and days of spend far from its own past that were found in this period: shown, not a difference. */
  unusualSpend: z.int().nonnegative().default(0),
  /** Block at which the chain was compared; null when it could not be. */
  block: z.int().nonnegative().nullable(),
  /** How many there are; the first thousand are kept. */
  differences: z.int().nonnegative(),
});
export type Close = z.output<typeof close>;

/** The end of a request as the log has it: the first one, where there are several. */
export const recordEnd = z.object({
  index: z.int().nonnegative(),
  record: uuid,
  type: z.enum(['completed', 'voided']),
  tenant: uuid,
  /** From the sealed body; null when that is erased, or unreadable. */
  chargeNanos: nanos.nullable(),
  /** There is a body and a key, and they do not say what was charged: somebody changed one. */
  unreadable: z.boolean(),
});
export type RecordEnd = z.output<typeof recordEnd>;

/** What a payer's deposit and credits come to on chain. */
export const chainPayer = z.object({
  tenant: uuid,
  address: evmAddress,
  availableUnits: tokenUnits,
  /** Payees with anything credited; `leftUnits` is what they have not withdrawn. */
  credits: z.array(z.object({ payee: evmAddress, cumulativeUnits: tokenUnits, leftUnits: tokenUnits })),
});
export type ChainPayer = z.output<typeof chainPayer>;

export const closeCalls = {
  /** Closes the books now. Errors: CONFLICT (a close is running), SERVICE_UNAVAILABLE (the books have not caught up with the stream). */
  run: defineCall('billing', 'closes.run', { request: z.object({ actor }), reply: close, timeoutMs: 120_000 }),
  /** Newest first; `after` is a number. */
  list: defineCall('billing', 'closes.list', { request: pageRequest, reply: z.object({ data: z.array(close), hasMore: z.boolean() }) }),
  /** Error: NOT_FOUND. */
  get: defineCall('billing', 'closes.get', { request: z.object({ number: z.int().positive().max(2 ** 31 - 1) }), reply: close.extend({ named: z.array(closeDifference) }) }),
  /** Ends from the log's entry `from` on, and where to go on; `size` is the log's. */
  recordEnds: defineCall('governance', 'records.ends', { request: z.object({ from: z.int().nonnegative() }), reply: z.object({ ends: z.array(recordEnd), next: z.int().nonnegative(), size: z.int().nonnegative() }), timeoutMs: 20_000 }),
  /** Which of these records have an end in the log. */
  endedRecords: defineCall('governance', 'records.ended', { request: z.object({ records: z.array(uuid).max(1_000) }), reply: z.object({ ended: z.array(uuid) }), timeoutMs: 20_000 }),
  /** The next payer in order of tenant, at one block: that up to which events were told, unless one is given. Error: CHAIN_UNAVAILABLE. */
  chainPayer: defineCall('settlement', 'chain.payer', { request: z.object({ after: uuid.optional(), block: z.int().nonnegative().optional() }), reply: z.object({ block: z.int().nonnegative(), payer: chainPayer.nullable() }), timeoutMs: 20_000 }),
} as const;
