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

/** Reads the books as a whole. */
@Injectable()
export class TrialBalanceStore {
  async sums(manager: EntityManager): Promise<CurrencySum[]> {
    const rows = await manager.query<{ currency: string; sum: string; postings: string }[]>('SELECT currency, sum(amount) AS sum, count(*) AS postings FROM billing.postings GROUP BY currency ORDER BY currency');
    return rows.map((row) => ({ currency: row.currency, sum: BigInt(row.sum), postings: Number(row.postings) }));
  }

  /** Balances of all accounts of a kind together; debits positive. */
  async byKind(manager: EntityManager): Promise<KindBalance[]> {
    const rows = await manager.query<{ kind: string; currency: string; balance: string }[]>('SELECT kind, currency, sum(balance) AS balance FROM billing.accounts GROUP BY kind, currency ORDER BY kind, currency');
    return rows.map((row) => ({ code: row.kind, currency: row.currency, balance: BigInt(row.balance) }));
  }

  /** Accounts whose cached balance is not the sum of their postings: none, or the books are broken. */
  async wrongBalances(manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ code: string }[]>(
      `SELECT a.code FROM billing.accounts a LEFT JOIN (SELECT account, sum(amount) AS amount FROM billing.postings GROUP BY account) p ON p.account = a.id
       WHERE a.balance <> COALESCE(p.amount, 0)`,
    );
    return rows.map((row) => row.code);
  }
}
