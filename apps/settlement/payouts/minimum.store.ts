import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { PayoutMinimum, PayoutSchedule } from '#protocol';

interface Row {
  tenant: string;
  payee: string;
  minimum_nanos: string;
}

/** Stands for all payees that have no minimum of their own. */
const anybody = '';

const fromRow = ({ tenant, payee, minimum_nanos: nanos }: Row): PayoutMinimum => ({ tenant, payee: payee === anybody ? null : payee, minimumNanos: BigInt(nanos) });

export interface Scheduled {
  readonly schedule: PayoutSchedule;
  readonly nextAtMs: number;
}

/** How little and how often an organisation pays. Runs in the caller's transaction. */
@Injectable()
export class MinimumStore {
  async put(manager: EntityManager, { tenant, payee, minimumNanos }: PayoutMinimum): Promise<void> {
    if (minimumNanos === 0n) {
      await manager.query('DELETE FROM settlement.payout_minimums WHERE tenant = $1 AND payee = $2', [tenant, payee ?? anybody]);
      return;
    }
    await manager.query('INSERT INTO settlement.payout_minimums (tenant, payee, minimum_nanos) VALUES ($1, $2, $3) ON CONFLICT (tenant, payee) DO UPDATE SET minimum_nanos = excluded.minimum_nanos', [tenant, payee ?? anybody, minimumNanos.toString()]);
  }

  async page(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<PayoutMinimum[]> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_minimums WHERE tenant = $1 AND ($2::text IS NULL OR payee COLLATE "C" > $2) ORDER BY payee COLLATE "C" LIMIT $3', [tenant, after ?? null, limit])).map(fromRow);
  }

  /** What a payee must be owed, by EIP-55 address. */
  async of(manager: EntityManager, tenant: string): Promise<(payee: string) => bigint> {
    const rows = (await manager.query<Row[]>('SELECT * FROM settlement.payout_minimums WHERE tenant = $1', [tenant])).map(fromRow);
    const byPayee = new Map(rows.map(({ payee, minimumNanos }) => [payee, minimumNanos]));
    return (payee) => byPayee.get(payee) ?? byPayee.get(null) ?? 0n;
  }

  async putSchedule(manager: EntityManager, tenant: string, scheduled: Scheduled | null): Promise<void> {
    if (scheduled === null) {
      await manager.query('DELETE FROM settlement.payout_schedules WHERE tenant = $1', [tenant]);
      return;
    }
    await manager.query('INSERT INTO settlement.payout_schedules (tenant, schedule, next_at_ms) VALUES ($1, $2, $3) ON CONFLICT (tenant) DO UPDATE SET schedule = excluded.schedule, next_at_ms = excluded.next_at_ms', [tenant, JSON.stringify(scheduled.schedule), scheduled.nextAtMs]);
  }

  async scheduleOf(manager: EntityManager, tenant: string): Promise<Scheduled | null> {
    return (await this.schedules(manager, 'WHERE tenant = $1', [tenant]))[0] ?? null;
  }

  /** Those that are due. */
  async due(manager: EntityManager, nowMs: number): Promise<(Scheduled & { tenant: string })[]> {
    return this.schedules(manager, 'WHERE next_at_ms <= $1 ORDER BY tenant', [nowMs]);
  }

  async nextDueMs(manager: EntityManager): Promise<number | null> {
    const next = (await manager.query<{ next: string | null }[]>('SELECT min(next_at_ms) AS next FROM settlement.payout_schedules'))[0]!.next;
    return next === null ? null : Number(next);
  }

  async scheduledTenants(manager: EntityManager): Promise<Set<string>> {
    return new Set((await manager.query<{ tenant: string }[]>('SELECT tenant FROM settlement.payout_schedules')).map(({ tenant }) => tenant));
  }

  /** Moves a schedule on; false when another process was first. */
  async advance(manager: EntityManager, tenant: string, fromMs: number, toMs: number): Promise<boolean> {
    const [rows] = await manager.query<[unknown[], number]>('UPDATE settlement.payout_schedules SET next_at_ms = $3 WHERE tenant = $1 AND next_at_ms = $2 RETURNING 1', [tenant, fromMs, toMs]);
    return rows.length === 1;
  }

  private async schedules(manager: EntityManager, where: string, values: unknown[]): Promise<(Scheduled & { tenant: string })[]> {
    const rows = await manager.query<{ tenant: string; schedule: PayoutSchedule; next_at_ms: string }[]>(`SELECT tenant, schedule, next_at_ms FROM settlement.payout_schedules ${where}`, values);
    return rows.map(({ tenant, schedule, next_at_ms: nextAtMs }) => ({ tenant, schedule, nextAtMs: Number(nextAtMs) }));
  }
}
