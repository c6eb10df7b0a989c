import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AccountStatement } from '#protocol';

interface LineRow {
  transfer: string;
  code: string;
  posted_us: string;
  amount: string;
}

/** An account within a period. */
export interface StatementOf {
  readonly tenant: string;
  readonly code: string;
  readonly currency: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Lines of an account, and what was in it at any time: the balance now, less what was posted since. */
@Injectable()
export class AccountStatementsStore {
  /** In order of code and currency. */
  async list(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<{ code: string; currency: string; balanceNanos: bigint }[]> {
    const rows = await manager.query<{ code: string; currency: string; balance: string }[]>(
      `SELECT code, currency, balance FROM billing.accounts WHERE tenant = $1 AND ($2::text IS NULL OR code || ' ' || currency COLLATE "C" > $2) ORDER BY code || ' ' || currency COLLATE "C" LIMIT $3`,
      [tenant, after ?? null, limit],
    );
    return rows.map(({ balance, ...row }) => ({ ...row, balanceNanos: BigInt(balance) }));
  }

  /** At the beginning and the end of the period, from one look at the books; `undefined`: they have no such account. */
  async balances(manager: EntityManager, { tenant, code, currency, fromMs, toMs }: StatementOf): Promise<{ id: string; openingNanos: bigint; closingNanos: bigint } | undefined> {
    const since = (parameter: string): string => `(SELECT COALESCE(sum(p.amount), 0) FROM billing.transfers t JOIN billing.postings p ON p.transfer = t.id AND p.account = a.id WHERE t.posted_at >= to_timestamp(${parameter}::float8 / 1000))`;
    const [row] = await manager.query<{ id: string; opening: string; closing: string }[]>(
      `SELECT a.id, a.balance - ${since('$4')} AS opening, a.balance - ${since('$5')} AS closing FROM billing.accounts a WHERE a.tenant = $1 AND a.code = $2 AND a.currency = $3`,
      [tenant, code, currency, fromMs, toMs],
    );
    return row && { id: row.id, openingNanos: BigInt(row.opening), closingNanos: BigInt(row.closing) };
  }

  /** In the order in which they were posted, after one. */
  async lines(manager: EntityManager, account: string, { fromMs, toMs }: StatementOf, after: { us: string; transfer: string } | null, limit: number): Promise<{ data: AccountStatement['data']; last: string | undefined }> {
    const rows = await manager.query<LineRow[]>(
      `SELECT t.id AS transfer, t.code, (extract(epoch FROM t.posted_at) * 1000000)::bigint AS posted_us, p.amount
       FROM billing.transfers t JOIN billing.postings p ON p.transfer = t.id AND p.account = $1
       WHERE t.posted_at >= to_timestamp($2::float8 / 1000) AND t.posted_at < to_timestamp($3::float8 / 1000)
         AND ($4::bigint IS NULL OR ((extract(epoch FROM t.posted_at) * 1000000)::bigint, t.id) > ($4, $5::uuid))
       ORDER BY 3, 1 LIMIT $6`,
      [account, fromMs, toMs, after?.us ?? null, after?.transfer ?? null, limit],
    );
    const last = rows.at(-1);
    return { data: rows.map((row) => ({ transfer: row.transfer, code: row.code, postedAtMs: Math.floor(Number(row.posted_us) / 1_000), amountNanos: BigInt(row.amount) })), last: last && `${last.posted_us}:${last.transfer}` };
  }
}
