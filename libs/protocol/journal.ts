import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { invoiceCurrency } from './invoice-currency.js';
import { label, nanos, pageRequest, slug, timeMs, uuid } from './scalars.js';

/** A quarter: what nobody has posted by then was forgotten. */
export const reservationMsMax = 92 * 86_400_000;

/** Accounts of the deployment itself, by code: `margin`, `received`, `tax:<seller>`, or one of its own, `operator:<name>`. */
export const accountCode = z.string().regex(/^[a-z0-9-]{1,40}(:[a-z0-9-]{1,64})?$/, 'the code of an account, as margin or operator:bank');

/** Between what an account's balance must stay, debits positive: never below zero is a least of 0, a credit limit a least of its negative. `null`: whatever. */
export const accountRule = z
  .object({ leastNanos: nanos.nullable().default(null), mostNanos: nanos.nullable().default(null) })
  .refine(({ leastNanos, mostNanos }) => leastNanos === null || mostNanos === null || leastNanos <= mostNanos, { message: 'the least is not above the most', path: ['leastNanos'] });
export type AccountRule = z.output<typeof accountRule>;

export const ledgerAccount = z.object({
  code: z.string(),
  currency: z.string(),
  /** Debits positive. */
  balanceNanos: nanos,
  /** Set aside by reservations: what may still be debited, and credited. */
  reservedDebitNanos: nanos,
  reservedCreditNanos: nanos,
  leastNanos: nanos.nullable(),
  mostNanos: nanos.nullable(),
  closed: z.boolean(),
});
export type LedgerAccount = z.output<typeof ledgerAccount>;

/** One account is debited and one credited, by as much. */
export const leg = z.object({ debit: accountCode, credit: accountCode, amountNanos: nanos }).refine(({ debit, credit }) => debit !== credit, { message: 'from an account to itself', path: ['credit'] });
export type Leg = z.output<typeof leg>;

/** A transfer in two phases. Its legs are linked: all of them are reserved, posted, voided or none. */
export const newReservation = z.object({ note: label, currency: invoiceCurrency, legs: z.array(leg).min(1).max(50), expiresAtMs: timeMs });
export type NewReservation = z.output<typeof newReservation>;

export const reservationStates = ['pending', 'posted', 'voided', 'expired'] as const;
export const reservation = newReservation.extend({
  id: uuid,
  state: z.enum(reservationStates),
  /** What was posted of each leg; the rest was set free. */
  postedNanos: z.array(nanos).nullable(),
  reservedBy: uuid,
  reservedAtMs: timeMs,
  endedBy: uuid.nullable(),
  endedAtMs: timeMs.nullable(),
});
export type Reservation = z.output<typeof reservation>;

/** What of each leg, in their order; left out: all of it. */
export const posting = z.object({ amountsNanos: z.array(nanos).max(50).optional() });

const known = z.object({ actor, id: uuid });

export const journalCalls = {
  /** Opens an account of the deployment's own, or changes between what its balance must stay. Errors: ACCOUNT_CLOSED, ACCOUNT_LIMIT (its balance is outside). */
  putAccount: defineCall('billing', 'journal.put-account', { request: accountRule.safeExtend({ actor, name: slug, currency: invoiceCurrency }), reply: ledgerAccount }),
  /** For good. Errors: NOT_FOUND, CONFLICT (there is something in it, or reserved on it). */
  closeAccount: defineCall('billing', 'journal.close-account', { request: z.object({ actor, name: slug, currency: invoiceCurrency }), reply: ledgerAccount }),
  /** The deployment's accounts; `after` is a code and a currency, as `margin USD`. */
  listAccounts: defineCall('billing', 'journal.accounts', { request: pageRequest, reply: z.object({ data: z.array(ledgerAccount), hasMore: z.boolean() }) }),
  /** Once for each id. Errors: NOT_FOUND (account), NOT_ALLOWED (an account of somebody else, or no key of one's own), AMOUNT_INVALID, AMOUNT_OVERFLOW, ACCOUNT_CLOSED, ACCOUNT_LIMIT, REQUEST_INVALID, IDEMPOTENCY_MISMATCH. */
  reserve: defineCall('billing', 'journal.reserve', { request: newReservation.extend({ actor, id: uuid }), reply: reservation }),
  /** By another person than who reserved, whole or in part, once. Errors: NOT_FOUND (not reserved), NOT_ALLOWED, AMOUNT_INVALID, CONFLICT (voided, or posted otherwise), RESERVATION_EXPIRED, ACCOUNT_CLOSED. */
  post: defineCall('billing', 'journal.post', { request: known.extend(posting.shape), reply: reservation }),
  /** Sets everything free. Errors: NOT_FOUND, CONFLICT (posted), RESERVATION_EXPIRED. */
  void: defineCall('billing', 'journal.void', { request: known, reply: reservation }),
  /** Ordered by id. */
  list: defineCall('billing', 'journal.list', { request: pageRequest.extend({ state: z.enum([...reservationStates, 'all']) }), reply: z.object({ data: z.array(reservation), hasMore: z.boolean() }) }),
} as const;
