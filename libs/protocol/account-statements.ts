import { z } from 'zod';
import { defineCall } from './define.js';
import { isPlainText, nanos, pageRequest, timeMs, uuid } from './scalars.js';

/** Longer than a month: one page of it is a few hundred lines, however long the period. */
const periodMsMax = 366 * 86_400_000;

/** The code of any account. */
export const accountName = z.string().min(1).max(200).refine(isPlainText, 'is the code of no account');

/** A period of one account. */
export const accountPeriod = z
  .object({ currency: z.string().regex(/^[A-Z0-9]{3,8}$/, 'a currency, as USD, or a token’s, as TUSD6'), fromMs: timeMs, toMs: timeMs })
  .refine(({ fromMs, toMs }) => fromMs < toMs && toMs - fromMs <= periodMsMax, { message: 'a period ends after it begins, within a year', path: ['toMs'] });

/** One posting: what a transfer moved on the account, debits positive. */
export const statementLine = z.object({ transfer: uuid, code: z.string(), postedAtMs: timeMs, amountNanos: nanos });

export const accountStatement = z.object({
  code: z.string(),
  currency: z.string(),
  /** When the period began, and when it ended or now: `opening + all lines of the period = closing`. */
  openingNanos: nanos,
  closingNanos: nanos,
  /** In the order in which they were posted. */
  data: z.array(statementLine),
  /** To be given as `after`; `null`: there are no more. */
  next: z.string().nullable(),
});
export type AccountStatement = z.output<typeof accountStatement>;

/** What an organisation has in an account, or, of the token, in its smallest units. */
export const organisationAccount = z.object({ code: z.string(), currency: z.string(), balanceNanos: nanos });

export const accountCalls = {
  /** Of the deployment where `tenant` is `null`. `after` is a code and a currency. */
  list: defineCall('billing', 'accounts.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(organisationAccount), hasMore: z.boolean() }) }),
  /** Error: NOT_FOUND (no such account of theirs), REQUEST_INVALID. */
  statement: defineCall('billing', 'accounts.statement', { request: accountPeriod.safeExtend({ tenant: uuid.nullable(), code: accountName, after: pageRequest.shape.after, limit: pageRequest.shape.limit }), reply: accountStatement, timeoutMs: 20_000 }),
} as const;
