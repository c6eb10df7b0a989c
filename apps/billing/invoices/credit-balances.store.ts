import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { assert } from '#kernel';
import type { CreditBalance, InvoiceCurrency } from '#protocol';
import { accountId, creditBalance } from '../ledger/chart-of-accounts.js';
import { nanosPerMinor } from './rounding.js';

/** What stands to organisations' credit, as the ledger has it. It moves only in the turn of the organisation's invoices. */
@Injectable()
export class CreditBalancesStore {
  async of(manager: EntityManager, tenant: string, currency: InvoiceCurrency): Promise<bigint> {
    const [row] = await manager.query<{ nanos: string }[]>('SELECT -balance AS nanos FROM billing.accounts WHERE id = $1', [accountId(creditBalance(tenant, currency))]);
    return wholeMinor(row?.nanos ?? '0');
  }

  /** In order of organisation and currency, after `<tenant>:<currency>`. */
  async list(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<CreditBalance[]> {
    const rows = await manager.query<{ tenant: string; currency: InvoiceCurrency; nanos: string; refunding: string }[]>(
      `SELECT a.tenant, a.currency, -a.balance AS nanos, COALESCE(-r.balance, 0) AS refunding FROM billing.accounts a
         LEFT JOIN billing.accounts r ON r.kind = 'refunding' AND r.tenant = a.tenant AND r.currency = a.currency
       WHERE a.kind = 'credit-balance' AND ($1::text IS NULL OR a.tenant = $1) AND ($2::text IS NULL OR (a.tenant || ':' || a.currency) COLLATE "C" > $2)
       ORDER BY (a.tenant || ':' || a.currency) COLLATE "C" LIMIT $3`,
      [tenant, after ?? null, limit],
    );
    return rows.map(({ nanos, refunding, ...row }) => ({ ...row, amountMinor: wholeMinor(nanos), refundingMinor: wholeMinor(refunding) }));
  }
}

function wholeMinor(nanos: string): bigint {
  const value = BigInt(nanos);
  assert(value % nanosPerMinor === 0n, 'a credit balance is in whole hundredths');
  return value / nanosPerMinor;
}
