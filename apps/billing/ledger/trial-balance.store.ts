import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

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

  /** Accounts whose cached balance is not the sum of their postings, or that count others than there are: none, or the books are broken. */
  async wrongBalances(manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ code: string }[]>(
      `SELECT a.code FROM billing.accounts a LEFT JOIN (SELECT account, sum(amount) AS amount, count(*) AS postings FROM billing.postings GROUP BY account) p ON p.account = a.id
       WHERE (a.balance, a.postings) <> (COALESCE(p.amount, 0), COALESCE(p.postings, 0))`,
    );
    return rows.map((row) => row.code);
  }
}
