import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { FiredAlert, LimitScope, SpendAlert, SpendPeriod } from '#protocol';

interface AlertRow {
  id: string;
  tenant: string;
  scope: LimitScope;
  subject: string;
  period: SpendPeriod;
  amount_nanos: string | null;
  thresholds: SpendAlert['thresholds'];
  changed_at_ms: string;
}

interface FiredRow {
  id: string;
  tenant: string;
  alert: string;
  scope: LimitScope;
  subject: string;
  period: SpendPeriod;
  from_ms: string;
  percent: number;
  name: string;
  limit_nanos: string;
  spent_nanos: string;
  fired_at_ms: string;
}

/** Of whom, from when and until when spend is summed. */
export interface SpendOf {
  readonly tenant: string;
  readonly scope: LimitScope;
  readonly subject: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const fromRow = ({ amount_nanos: amount, changed_at_ms: at, ...row }: AlertRow): SpendAlert => ({ ...row, amountNanos: amount === null ? null : BigInt(amount), changedAtMs: Number(at) });

const columns = 'id, tenant, scope, subject, period, amount_nanos, thresholds, changed_at_ms';

@Injectable()
export class SpendAlertsStore {
  /** One change of an organisation's alerts at a time, until the transaction ends. */
  async takeTurn(manager: EntityManager, tenant: string): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('billing.spend-alerts ' || $1, 0))`, [tenant]);
  }

  async list(manager: EntityManager, tenant: string): Promise<SpendAlert[]> {
    return (await manager.query<AlertRow[]>(`SELECT ${columns} FROM billing.spend_alerts WHERE tenant = $1 ORDER BY id`, [tenant])).map(fromRow);
  }

  /** Of all organisations that the transaction sees, after one, in order. */
  async page(manager: EntityManager, after: string | null, limit: number): Promise<SpendAlert[]> {
    return (await manager.query<AlertRow[]>(`SELECT ${columns} FROM billing.spend_alerts WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2`, [after, limit])).map(fromRow);
  }

  /** Keeps the id of the alert that it replaces. */
  async put(manager: EntityManager, { id, tenant, scope, subject, period, amountNanos, thresholds, changedAtMs }: SpendAlert): Promise<void> {
    await manager.query(
      `INSERT INTO billing.spend_alerts (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (tenant, scope, subject, period) DO UPDATE SET amount_nanos = EXCLUDED.amount_nanos, thresholds = EXCLUDED.thresholds, changed_at_ms = EXCLUDED.changed_at_ms`,
      [id, tenant, scope, subject, period, amountNanos, JSON.stringify(thresholds), changedAtMs],
    );
  }

  async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.query('DELETE FROM billing.spend_alerts WHERE id = $1', [id]);
  }

  /** What was booked for each of them, in their order. */
  async spent(manager: EntityManager, asked: readonly SpendOf[]): Promise<bigint[]> {
    const rows = await manager.query<{ n: string; nanos: string }[]>(
      `SELECT w.n, COALESCE(sum(u.amount_nanos), 0) AS nanos
       FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS w(tenant, scope, subject, from_ms, to_ms, n)
         LEFT JOIN billing.usage_hours u ON u.tenant = w.tenant AND u.hour_ms >= w.from_ms AND u.hour_ms < w.to_ms
           AND (w.scope = 'organisation' OR (w.scope = 'project' AND u.project = w.subject) OR (w.scope = 'key' AND u.key_id = w.subject))
       GROUP BY w.n ORDER BY w.n`,
      [asked.map(({ tenant }) => tenant), asked.map(({ scope }) => scope), asked.map(({ subject }) => subject), asked.map(({ fromMs }) => fromMs), asked.map(({ toMs }) => toMs)],
    );
    return rows.map(({ nanos }) => BigInt(nanos));
  }

  /** Which thresholds of an alert have fired in periods from one on. */
  async firedSince(manager: EntityManager, alerts: readonly string[], fromMs: number): Promise<ReadonlySet<string>> {
    const rows = await manager.query<{ alert: string; from_ms: string; percent: number }[]>('SELECT alert, from_ms, percent FROM billing.fired_alerts WHERE alert = ANY($1::uuid[]) AND from_ms >= $2', [alerts, fromMs]);
    return new Set(rows.map(({ alert, from_ms: from, percent }) => `${alert} ${from} ${percent}`));
  }

  /** `false` when it was fired before, by whomever. */
  async fire(manager: EntityManager, { id, tenant, alert, scope, subject, period, fromMs, threshold, limitNanos, spentNanos, firedAtMs }: FiredAlert): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO billing.fired_alerts (id, tenant, alert, scope, subject, period, from_ms, percent, name, limit_nanos, spent_nanos, fired_at_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (alert, from_ms, percent) DO NOTHING RETURNING id`,
      [id, tenant, alert, scope, subject, period, fromMs, threshold.percent, threshold.name, limitNanos, spentNanos, firedAtMs],
    );
    return rows.length > 0;
  }

  /** Oldest first. */
  async fired(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<FiredAlert[]> {
    const rows = await manager.query<FiredRow[]>('SELECT * FROM billing.fired_alerts WHERE tenant = $1 AND ($2::text IS NULL OR id::text COLLATE "C" > $2) ORDER BY id LIMIT $3', [tenant, after ?? null, limit]);
    return rows.map(({ from_ms: from, percent, name, limit_nanos: limitNanos, spent_nanos: spent, fired_at_ms: at, ...row }) => ({
      ...row,
      fromMs: Number(from),
      threshold: { name, percent },
      limitNanos: BigInt(limitNanos),
      spentNanos: BigInt(spent),
      firedAtMs: Number(at),
    }));
  }
}
