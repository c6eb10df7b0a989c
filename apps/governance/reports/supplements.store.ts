import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AuditReport } from '#protocol';
import type { StoredReport } from './signed-report.js';

/** Up to where a month's report knows the log. */
export interface KnownMonth {
  readonly month: string;
  readonly lookedTo: number;
}

/** What came after reports were made. Nothing of it is changed once it is there. */
@Injectable()
export class SupplementStore {
  async months(manager: EntityManager, tenant: string): Promise<KnownMonth[]> {
    const rows = await manager.query<{ month: string; looked: string }[]>(`SELECT month, COALESCE(looked_to, (report::jsonb -> 'log' ->> 'size')::bigint) AS looked FROM governance.audit_reports WHERE tenant = $1`, [tenant]);
    return rows.map(({ month, looked }) => ({ month, lookedTo: Number(looked) }));
  }

  /** False when somebody else has looked meanwhile. The row is held until the transaction ends. */
  async look(manager: EntityManager, tenant: string, { month, lookedTo }: KnownMonth, size: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH moved AS (UPDATE governance.audit_reports SET looked_to = $4 WHERE tenant = $1 AND month = $2 AND COALESCE(looked_to, (report::jsonb -> 'log' ->> 'size')::bigint) = $3 RETURNING month) SELECT month FROM moved`,
      [tenant, month, lookedTo, size],
    );
    return rows.length === 1;
  }

  /** Number and hash of what the next supplement continues. */
  async last(manager: EntityManager, tenant: string, month: string): Promise<{ number: number; sha256: string }> {
    const [row] = await manager.query<{ number: number; report: string }[]>(
      `SELECT number, report FROM governance.audit_report_supplements WHERE tenant = $1 AND month = $2 UNION ALL SELECT 0, report FROM governance.audit_reports WHERE tenant = $1 AND month = $2 ORDER BY number DESC LIMIT 1`,
      [tenant, month],
    );
    return { number: row!.number, sha256: createHash('sha256').update(row!.report).digest('hex') };
  }

  async add(manager: EntityManager, tenant: string, month: string, number: number, { report, note }: StoredReport, madeAtMs: number): Promise<void> {
    await manager.query('INSERT INTO governance.audit_report_supplements (tenant, month, number, report, note, made_at_ms) VALUES ($1, $2, $3, $4, $5, $6)', [tenant, month, number, report, note, madeAtMs]);
  }

  /** In the order of their numbers. */
  async list(manager: EntityManager, tenant: string, month: string): Promise<{ number: number; entries: number; sha256: string; madeAtMs: number }[]> {
    const rows = await manager.query<{ number: number; report: string; made_at_ms: string }[]>('SELECT number, report, made_at_ms FROM governance.audit_report_supplements WHERE tenant = $1 AND month = $2 ORDER BY number', [tenant, month]);
    return rows.map(({ number, report, made_at_ms: madeAtMs }) => ({ number, entries: (JSON.parse(report) as AuditReport).log.entries, sha256: createHash('sha256').update(report).digest('hex'), madeAtMs: Number(madeAtMs) }));
  }

  async find(manager: EntityManager, tenant: string, month: string, number: number): Promise<StoredReport | undefined> {
    return (await manager.query<StoredReport[]>('SELECT report, note FROM governance.audit_report_supplements WHERE tenant = $1 AND month = $2 AND number = $3', [tenant, month, number]))[0];
  }
}
