import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { InvoicedSum, PostedCharge } from '#protocol';
import { usageDetail } from '../invoices/invoice-lines.js';
import { TenantRecords } from '../records/tenant-records.service.js';

interface Row {
  record: string;
  project: string;
  charged_at_ms: string;
  amount_nanos: string;
  outcome: string;
  invoice: string | null;
  number: string | null;
  late: string | null;
  lacked_by: string | null;
  model: string | null;
  endpoint: string | null;
}

/** A charge, where it is invoiced, and the issued invoice of its time where it is in none. */
const posted = `SELECT c.record, c.project, c.charged_at_ms, c.amount_nanos, c.outcome, t.invoice, i.number, COALESCE(a.model, o.model) AS model, a.endpoint,
    CASE WHEN c.charged_at_ms < i.period_from_ms THEN to_char(to_timestamp(c.charged_at_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM') END AS late,
    CASE WHEN t.invoice IS NULL THEN (SELECT l.number FROM billing.invoices l WHERE l.tenant = c.tenant AND l.kind = 'invoice' AND l.number IS NOT NULL
      AND l.period_from_ms <= c.charged_at_ms AND l.period_to_ms > c.charged_at_ms ORDER BY l.issued_at_ms LIMIT 1) END AS lacked_by
  FROM billing.charges c LEFT JOIN billing.invoiced_charges t ON t.record = c.record LEFT JOIN billing.invoices i ON i.id = t.invoice
  LEFT JOIN billing.admissions a ON a.record = c.record LEFT JOIN billing.offers o ON o.id = c.offer`;

/** What was charged, told to those who compare it with the log: the books are read, nothing is added up. */
@Injectable()
export class PostedChargesStore {
  constructor(@Inject(TenantRecords) private readonly tenants: TenantRecords) {}

  async of(manager: EntityManager, tenant: string, records: readonly string[]): Promise<PostedCharge[]> {
    return this.read(tenant, await manager.query<Row[]>(`${posted} WHERE c.tenant = $1 AND c.record = ANY($2::uuid[]) ORDER BY c.record`, [tenant, records]));
  }

  /** By time and record, after one of them. */
  async list(manager: EntityManager, { tenant, fromMs, toMs }: { tenant: string; fromMs: number; toMs: number }, after: { atMs: number; record: string } | null, limit: number): Promise<PostedCharge[]> {
    const rows = await manager.query<Row[]>(
      `${posted} WHERE c.tenant = $1 AND c.charged_at_ms >= $2 AND c.charged_at_ms < $3 AND ($4::bigint IS NULL OR (c.charged_at_ms, c.record) > ($4, $5::uuid)) ORDER BY c.charged_at_ms, c.record LIMIT $6`,
      [tenant, after?.atMs ?? fromMs, toMs, after?.atMs ?? null, after?.record ?? null, limit],
    );
    return this.read(tenant, rows);
  }

  /** Invoices whose period touches that of the question, and what they took in. */
  async invoiced(manager: EntityManager, tenant: string, fromMs: number, toMs: number, limit: number): Promise<InvoicedSum[]> {
    const rows = await manager.query<(Record<'id' | 'from' | 'to' | 'charges' | 'charged' | 'adjusted' | 'terms', string> & { number: string | null; usage: string | null })[]>(
      `SELECT i.id, i.number, i.period_from_ms AS from, i.period_to_ms AS to, i.document::jsonb ->> 'usageNanos' AS usage, u.charges, u.charged,
         (SELECT COALESCE(sum(x.amount_nanos), 0) FROM billing.invoiced_adjustments t JOIN billing.adjustments x ON x.id = t.adjustment WHERE t.invoice = i.id) AS adjusted,
         (SELECT COALESCE(sum(x.amount_nanos), 0) FROM billing.invoiced_terms x WHERE x.kind <> 'usage' AND x.invoice = i.id) AS terms
       FROM billing.invoices i CROSS JOIN LATERAL (SELECT count(*) AS charges, COALESCE(sum(c.amount_nanos), 0) AS charged FROM billing.invoiced_charges t JOIN billing.charges c ON c.record = t.record WHERE t.invoice = i.id) u
       WHERE i.tenant = $1 AND i.kind = 'invoice' AND i.period_from_ms < $3 AND i.period_to_ms > $2 ORDER BY i.period_from_ms, i.id LIMIT $4`,
      [tenant, fromMs, toMs, limit],
    );
    return rows.map((row) => ({
      ...{ id: row.id, number: row.number, periodFromMs: Number(row.from), periodToMs: Number(row.to), usageNanos: row.usage === null ? null : BigInt(row.usage) },
      ...{ charges: Number(row.charges), chargesNanos: BigInt(row.charged), adjustmentsNanos: BigInt(row.adjusted), termsNanos: BigInt(row.terms) },
    }));
  }

  private read(tenant: string, rows: readonly Row[]): PostedCharge[] {
    return rows.map((row) => ({
      record: row.record,
      chargedAtMs: Number(row.charged_at_ms),
      amountNanos: BigInt(row.amount_nanos),
      outcome: row.outcome,
      invoice: row.invoice === null || row.number === null ? null : { id: row.invoice, number: row.number },
      lackedBy: row.lacked_by,
      line: { name: row.model ?? 'Inference', detail: usageDetail(this.tenants.namesOf(tenant, row.project).projectName ?? row.project, row.endpoint ?? '', row.late) },
    }));
  }
}
