import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UnusualSpend, UnusualSpendFilter } from '#protocol';
import type { HourlySpend } from './unusual.js';

/** Whose spend: a project's, that on a model, or all of an organisation's. */
export type SpendSubject = Pick<UnusualSpend, 'project' | 'model'>;

interface Row {
  id: string;
  tenant: string;
  project: string | null;
  model: string | null;
  window: UnusualSpend['window'];
  from_ms: string;
  direction: UnusualSpend['direction'];
  spent_nanos: string;
  usual_nanos: string;
  spread_nanos: string;
  samples: number;
  found_at_ms: string;
}

const columns = 'id, tenant, project, model, "window", from_ms, direction, spent_nanos, usual_nanos, spread_nanos, samples, found_at_ms';

@Injectable()
export class UnusualSpendStore {
  /** Organisations that used anything from a moment on. */
  async activeSince(manager: EntityManager, sinceMs: number): Promise<string[]> {
    return (await manager.query<{ tenant: string }[]>('SELECT DISTINCT tenant FROM billing.usage_hours WHERE hour_ms >= $1 ORDER BY tenant', [sinceMs])).map(({ tenant }) => tenant);
  }

  /** Of all together, by project, and by model where there are several: what is spent on the only one is what is spent. */
  async hours(manager: EntityManager, tenant: string, sinceMs: number): Promise<readonly (SpendSubject & { readonly spend: HourlySpend })[]> {
    const rows = await manager.query<{ project: string | null; model: string | null; hour_ms: string; nanos: string }[]>(
      `SELECT project, model, hour_ms, sum(amount_nanos) AS nanos FROM billing.usage_hours WHERE tenant = $1 AND hour_ms >= $2
       GROUP BY GROUPING SETS ((hour_ms), (project, hour_ms), (model, hour_ms)) HAVING sum(requests) > 0`,
      [tenant, sinceMs],
    );
    const bySubject = new Map<string, SpendSubject & { spend: Map<number, bigint> }>();
    for (const { project, model, hour_ms: hour, nanos } of rows) {
      const key = subjectKey({ project, model });
      const subject = bySubject.get(key) ?? { project, model, spend: new Map<number, bigint>() };
      bySubject.set(key, subject);
      subject.spend.set(Number(hour), BigInt(nanos));
    }
    // Empty: only the end of a request has come yet.
    const subjects = [...bySubject.values()].filter(({ model }) => model !== '');
    const isOfOne = subjects.filter(({ model }) => model !== null).length === 1;
    return subjects.filter(({ model }) => model === null || !isOfOne);
  }

  /** `false` when it was found before. */
  async add(manager: EntityManager, found: UnusualSpend): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO billing.unusual_spend (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id`,
      [found.id, found.tenant, found.project, found.model, found.window, found.fromMs, found.direction, found.spentNanos, found.usualNanos, found.spreadNanos, found.samples, found.foundAtMs],
    );
    return rows.length > 0;
  }

  /** What was found about windows from a moment on, each by its `findingKey`. */
  async knownSince(manager: EntityManager, tenant: string, sinceMs: number): Promise<ReadonlySet<string>> {
    const rows = await manager.query<Row[]>(`SELECT ${columns} FROM billing.unusual_spend WHERE tenant = $1 AND from_ms >= $2`, [tenant, sinceMs]);
    return new Set(rows.map((row) => findingKey({ ...row, fromMs: Number(row.from_ms) })));
  }

  /** Oldest first. */
  async list(manager: EntityManager, tenant: string, { project, fromMs, toMs }: UnusualSpendFilter, after: string | undefined, limit: number): Promise<UnusualSpend[]> {
    const rows = await manager.query<Row[]>(
      `SELECT ${columns} FROM billing.unusual_spend
       WHERE tenant = $1 AND ($2::text IS NULL OR id::text COLLATE "C" > $2) AND ($3::uuid IS NULL OR project = $3) AND ($4::bigint IS NULL OR from_ms >= $4) AND ($5::bigint IS NULL OR from_ms < $5)
       ORDER BY id LIMIT $6`,
      [tenant, after ?? null, project ?? null, fromMs ?? null, toMs ?? null, limit],
    );
    return rows.map(({ from_ms: from, spent_nanos: spent, usual_nanos: usual, spread_nanos: spread, found_at_ms: at, ...row }) => ({
      ...row,
      fromMs: Number(from),
      spentNanos: BigInt(spent),
      usualNanos: BigInt(usual),
      spreadNanos: BigInt(spread),
      foundAtMs: Number(at),
    }));
  }
}

const subjectKey = ({ project, model }: SpendSubject): string => JSON.stringify([project, model]);
export const findingKey = ({ project, model, window, fromMs, direction }: SpendSubject & Pick<UnusualSpend, 'window' | 'fromMs' | 'direction'>): string => JSON.stringify([project, model, window, fromMs, direction]);
