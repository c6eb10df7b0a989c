import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import { runNamed } from '../ledger/named-statement.js';
import type { Budget } from './budget.js';

interface BudgetRow {
  id: string;
  tenant: string;
  project: string;
  limit_nanos: string;
  available: string | null;
  leased: string | null;
  spent: string | null;
}

const fromRow = (row: BudgetRow): Budget => ({
  id: row.id,
  tenant: row.tenant,
  project: row.project,
  limitNanos: BigInt(row.limit_nanos),
  availableNanos: BigInt(row.available ?? 0),
  leasedNanos: BigInt(row.leased ?? 0),
  spentNanos: BigInt(row.spent ?? 0),
});

const balanceOf = (part: string): string => `(SELECT balance FROM billing.accounts a WHERE a.code = 'budget:' || b.id || ':${part}' AND a.currency = 'USD') AS ${part}`;
const selectBudget = `SELECT b.id, b.tenant, b.project, b.limit_nanos, ${['available', 'leased', 'spent'].map(balanceOf).join(', ')} FROM billing.budgets b`;

@Injectable()
export class BudgetsStore {
  /** Of the tenant that the transaction sees, by id; all without a limit. */
  async list(manager: EntityManager, after?: string, limit?: number): Promise<Budget[]> {
    return (await manager.query<BudgetRow[]>(`${selectBudget} WHERE $1::text IS NULL OR b.id::text > $1 ORDER BY b.id LIMIT $2`, [after ?? null, limit ?? null])).map(fromRow);
  }

  async find(manager: EntityManager, tenant: string, project: string): Promise<Budget | undefined> {
    const [row] = await manager.query<BudgetRow[]>(`${selectBudget} WHERE b.tenant = $1 AND b.project = $2`, [tenant, project]);
    return row && fromRow(row);
  }

  /** Tenants of those of the given budgets that exist. */
  async tenantsOf(manager: EntityManager, budgets: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await runNamed<{ id: string; tenant: string }>(manager, 'tenants-of-budgets', 'SELECT id, tenant FROM billing.budgets WHERE id = ANY($1::uuid[])', [[...new Set(budgets)]]);
    return new Map(rows.map((row) => [row.id, row.tenant]));
  }

  /** Makes the project's budget if there is none and sets its limit; answers the limit before. The row stays locked. */
  async setLimit(manager: EntityManager, id: string, tenant: string, project: string, limitNanos: Nanos): Promise<{ id: string; before: Nanos }> {
    await manager.query('INSERT INTO billing.budgets (id, tenant, project, limit_nanos) VALUES ($1, $2, $3, 0) ON CONFLICT (tenant, project) DO NOTHING', [id, tenant, project]);
    const [row] = await manager.query<{ id: string; limit_nanos: string }[]>('SELECT id, limit_nanos FROM billing.budgets WHERE tenant = $1 AND project = $2 FOR UPDATE', [tenant, project]);
    await manager.query('UPDATE billing.budgets SET limit_nanos = $2 WHERE id = $1', [row!.id, limitNanos]);
    return { id: row!.id, before: BigInt(row!.limit_nanos) };
  }
}
