import { hash } from 'node:crypto';
import { checkedNanos } from '#kernel';
import { failure } from '#protocol';
import { namedUuid } from './chart-of-accounts.js';
import type { Account } from './chart-of-accounts.js';

/** Debit (positive) or credit (negative) of one account, in the smallest units of its currency. */
export interface Line {
  readonly account: Account;
  readonly amount: bigint;
}

export const transferCodes = [
  'budget.set',
  'lease.grant',
  'lease.return',
  'charge',
  'payee.assign',
  'payable.hold',
  'payable.release',
  'payable.forfeit',
  'payables.draw',
  'payables.take-back',
  'royalty.split',
  'epoch.settle',
  'deposit',
  'withdrawal',
  'deposit-withdrawal',
  'deposit-reversal',
  'x402.sale',
  'x402.sale-reversal',
  'wallet.move',
  'journal',
  'credit.grant',
  'credit.lapse',
  'usage.correct',
  'invoice.issue',
  'invoice.terms',
  'invoice.credit',
  'invoice.payment',
  'invoice.payment-reversal',
  'refund.request',
  'refund.pay',
  'refund.void',
] as const;
export type TransferCode = (typeof transferCodes)[number];

/** One business fact in the books. Its id is its idempotency key. */
export interface Transfer {
  readonly id: string;
  readonly code: TransferCode;
  readonly tenant: string;
  readonly lines: readonly Line[];
}

export const move = (from: Account, to: Account, amount: bigint): Line[] => [
  { account: to, amount },
  { account: from, amount: -amount },
];

/**
 * A transfer with one line per account, zeros left out. Errors: LEDGER_UNBALANCED when a currency does not sum to zero,
 * AMOUNT_OVERFLOW.
 */
export function transfer(id: string, code: TransferCode, tenant: string, lines: readonly Line[]): Transfer {
  const net = new Map<string, { account: Account; amount: bigint }>();
  const sums = new Map<string, bigint>();
  for (const { account, amount } of lines) {
    const key = `${account.currency}\0${account.code}`;
    net.set(key, { account, amount: (net.get(key)?.amount ?? 0n) + amount });
    sums.set(account.currency, (sums.get(account.currency) ?? 0n) + amount);
  }
  for (const [currency, sum] of sums) {
    if (sum !== 0n) throw failure('LEDGER_UNBALANCED', `transfer ${code} ${id} sums to ${sum} ${currency}, not to zero`);
  }
  const kept = [...net.values()].filter(({ amount }) => checkedNanos(amount) !== 0n);
  return { id, code, tenant, lines: kept };
}

/**
 * The id of a transfer that is called for under an id of the caller's choice: payments by hand, credit notes, refunds, corrections, credits and reservations have a space of
 * names of their own. With the id of a request that runs, or one that follows from it, they would keep its charge out of the books, and everything behind it waiting.
 */
export const namedByCaller = (code: TransferCode, id: string): string => namedUuid(...byCaller(code), id);

const byCaller = (code: TransferCode): readonly string[] => ['named by caller', code];

/** The same in SQL, of a column; those of before have the caller's id itself. */
export const namedByCallerSql = (code: TransferCode, column: string): string => `ARRAY[${column}, billing.named_uuid(${byCaller(code).map((part) => `'${part}'`).join(', ')}, ${column}::text)]`;

/** SHA-256, hex, of what a transfer says: the same id with another hash is another transfer under a known id. */
export function transferHash({ code, tenant, lines }: Transfer): string {
  const text = lines.map(({ account, amount }) => `${account.currency} ${account.code} ${amount}`).sort();
  return hash('sha256', [code, tenant, ...text].join('\n'), 'hex');
}
