import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TrialBalance } from '#protocol';

export interface CurrencySum {
  currency: string;
  /** Over all postings: zero, or the books are broken. */
  sum: bigint;
  postings: number;
}

export interface KindBalance {
  code: string;
  currency: string;
  balance: bigint;
}

interface SumRow {
  currency: string;
  sum: string;
  postings: string;
}

const fromRows = (rows: readonly SumRow[]): CurrencySum[] => rows.map((row) => ({ currency: row.currency, sum: BigInt(row.sum), postings: Number(row.postings) }));

/** Reads the books as a whole. */
@Injectable()
export class TrialBalanceStore {
  /** Read off the accounts, whose balances nothing but postings can move. */
  async sums(manager: EntityManager): Promise<CurrencySum[]> {
    return fromRows(await manager.query<SumRow[]>('SELECT currency, sum(balance) AS sum, sum(postings) AS postings FROM billing.accounts GROUP BY currency HAVING sum(postings) > 0 ORDER BY currency'));
  }

  /** The same from every posting there is: what proves that the accounts tell the truth, with `wrongBalances`. */
  async sumsOfPostings(manager: EntityManager): Promise<CurrencySum[]> {
    return fromRows(await manager.query<SumRow[]>('SELECT currency, sum(amount) AS sum, count(*) AS postings FROM billing.postings GROUP BY currency ORDER BY currency'));
  }

  /** Balances of all accounts of a kind together, in one currency or all; debits positive. */
  async byKind(manager: EntityManager, currency: string | null = null): Promise<KindBalance[]> {
    const rows = await manager.query<{ kind: string; currency: string; balance: string }[]>(
      'SELECT kind, currency, sum(balance) AS balance FROM billing.accounts WHERE $1::text IS NULL OR currency = $1 GROUP BY kind, currency ORDER BY kind, currency',
      [currency],
    );
    return rows.map((row) => ({ code: row.kind, currency: row.currency, balance: BigInt(row.balance) }));
  }

  /** What was posted before a moment: the balances now, less what came since, from one look at the books. */
  async at(manager: EntityManager, beforeMs: number, currency: string | null): Promise<Omit<TrialBalance, 'beforeMs'>> {
    const rows = await manager.query<{ kind: string; currency: string; debit: string; credit: string }[]>(
      `SELECT kind, currency, COALESCE(sum(balance) FILTER (WHERE balance > 0), 0) AS debit, COALESCE(-sum(balance) FILTER (WHERE balance < 0), 0) AS credit FROM (
         SELECT a.kind, a.currency, a.balance - COALESCE(s.amount, 0) AS balance FROM billing.accounts a
           LEFT JOIN (SELECT p.account, sum(p.amount) AS amount FROM billing.transfers t JOIN billing.postings p ON p.transfer = t.id WHERE t.posted_at >= to_timestamp($1::float8 / 1000) GROUP BY 1) s ON s.account = a.id
         WHERE $2::text IS NULL OR a.currency = $2
       ) AS accounts WHERE balance <> 0 GROUP BY kind, currency ORDER BY kind, currency`,
      [beforeMs, currency],
    );
    const totals = new Map<string, { debitNanos: bigint; creditNanos: bigint }>();
    for (const row of rows) {
      const { debitNanos, creditNanos } = totals.get(row.currency) ?? { debitNanos: 0n, creditNanos: 0n };
      totals.set(row.currency, { debitNanos: debitNanos + BigInt(row.debit), creditNanos: creditNanos + BigInt(row.credit) });
    }
    return { currencies: [...totals].map(([name, sums]) => ({ currency: name, ...sums })).sort((a, b) => (a.currency < b.currency ? -1 : 1)), kinds: rows.map((row) => ({ kind: row.kind, currency: row.currency, balanceNanos: BigInt(row.debit) - BigInt(row.credit) })) };
  }

  /** Accounts whose cached balance is not the sum of their postings, or that count others than there are: none, or the books are broken. */
  async wrongBalances(manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ code: string }[]>(
      `SELECT a.code FROM billing.accounts a LEFT JOIN (SELECT account, sum(amount) AS amount, count(*) AS postings FROM billing.postings GROUP BY account) p ON p.account = a.id
       WHERE (a.balance, a.postings) <> (COALESCE(p.amount, 0), COALESCE(p.postings, 0))`,
    );
    return rows.map((row) => row.code);
  }
}
