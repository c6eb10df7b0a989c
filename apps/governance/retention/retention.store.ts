import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { retentionDays, type LawName, type Retention, type RetentionRules } from '#protocol';

@Injectable()
export class RetentionStore {
  async find(manager: EntityManager, tenant: string): Promise<Retention> {
    const [row] = await manager.query<{ laws: LawName[]; days: number | null; changed_at_ms: string }[]>('SELECT * FROM governance.retention WHERE tenant = $1', [tenant]);
    const rules = { laws: row?.laws ?? [], days: row?.days ?? null };
    return { ...rules, effectiveDays: retentionDays(rules), changedAtMs: row === undefined ? null : Number(row.changed_at_ms) };
  }

  async put(manager: EntityManager, tenant: string, { laws, days }: RetentionRules, nowMs: number): Promise<void> {
    await manager.query(
      `INSERT INTO governance.retention (tenant, laws, days, changed_at_ms) VALUES ($1, $2, $3, $4)
       ON CONFLICT (tenant) DO UPDATE SET laws = excluded.laws, days = excluded.days, changed_at_ms = excluded.changed_at_ms`,
      [tenant, laws, days, nowMs],
    );
  }
}
