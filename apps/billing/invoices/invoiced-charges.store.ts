import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AdjustmentsStore } from '../adjustments/adjustments.store.js';
import { monthOf } from '../agreements/month.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { meteredLines, meteredPrices, meteredSums } from '../usage/metered-lines.js';
import type { MeteredRow } from '../usage/metered-lines.js';
import type { UsageGroup } from './invoice-lines.js';

interface Row extends MeteredRow {
  project: string;
  model: string | null;
  endpoint: string | null;
  late: string | null;
}

/** Not in an invoice yet, of the period or late of an earlier one: `$1` tenant, `$2` the period's end. */
const due = 'c.tenant = $1 AND c.charged_at_ms < $2 AND NOT EXISTS (SELECT 1 FROM billing.invoiced_charges t WHERE t.record = c.record)';

/** Which charges are in which invoice: each in one. */
@Injectable()
export class InvoicedChargesStore {
  constructor(
    @Inject(TenantRecords) private readonly tenants: TenantRecords,
    @Inject(AdjustmentsStore) private readonly adjustments: AdjustmentsStore,
  ) {}

  /** Takes what is due into an invoice. */
  async take(manager: EntityManager, tenant: string, toMs: number, invoice: string): Promise<void> {
    await manager.query(`INSERT INTO billing.invoiced_charges (record, invoice, tenant) SELECT c.record, $3, c.tenant FROM billing.charges c WHERE ${due} ORDER BY c.record`, [tenant, toMs, invoice]);
  }

  /** With credits as far as the usage covers them. */
  private async withCredits(manager: EntityManager, tenant: string, toMs: number, usage: readonly UsageGroup[], invoice: string | null): Promise<UsageGroup[]> {
    const credits = await this.adjustments.due(manager, tenant, toMs, usage.reduce((sum, { amountNanos }) => sum + amountNanos, 0n));
    if (invoice !== null) await this.adjustments.take(manager, tenant, invoice, credits);
    return [...usage, ...credits.map(({ name, detail, amountNanos }): UsageGroup => ({ project: 'all projects', model: name, endpoint: detail, meter: 'credit', lateMonth: null, quantity: 0n, priceNanos: 0n, amountNanos }))];
  }

  /** What is due now. */
  async due(manager: EntityManager, tenant: string, fromMs: number, toMs: number): Promise<UsageGroup[]> {
    return this.withCredits(manager, tenant, toMs, await this.groups(manager, tenant, `billing.charges c`, due, [tenant, toMs, fromMs]), null);
  }

  /** What an invoice took, and takes of credits. */
  async taken(manager: EntityManager, tenant: string, fromMs: number, toMs: number, invoice: string): Promise<UsageGroup[]> {
    const usage = await this.groups(manager, tenant, 'billing.invoiced_charges t JOIN billing.charges c ON c.record = t.record', 't.invoice = $2 AND t.tenant = $1', [tenant, invoice, fromMs]);
    return this.withCredits(manager, tenant, toMs, usage, invoice);
  }

  /** What was charged in each hour: of what is due, or of what an invoice took. */
  async byHour(manager: EntityManager, tenant: string, toMs: number, invoice: string | null): Promise<ReadonlyMap<number, bigint>> {
    const [from, where] = invoice === null ? ['billing.charges c', due] : ['billing.invoiced_charges t JOIN billing.charges c ON c.record = t.record', 't.tenant = $1 AND t.invoice = $2'];
    const rows = await manager.query<{ hour: string; nanos: string }[]>(`SELECT c.charged_at_ms / 3600000 * 3600000 AS hour, sum(c.amount_nanos) AS nanos FROM ${from} WHERE ${where} GROUP BY 1`, [tenant, invoice ?? toMs]);
    return new Map(rows.map(({ hour, nanos }) => [Number(hour), BigInt(nanos)]));
  }

  /** Organisations with details for invoices and something due before `toMs`, in order, after one of them; or with a month that ends then to be billed, used or not. */
  async tenantsDue(manager: EntityManager, toMs: number, after: string | null, limit: number): Promise<string[]> {
    const rows = await manager.query<{ tenant: string }[]>(
      `SELECT b.tenant FROM billing.buyers b WHERE ($2::uuid IS NULL OR b.tenant > $2) AND EXISTS (SELECT 1 FROM billing.charges c WHERE c.tenant = b.tenant AND c.charged_at_ms < $1
         AND NOT EXISTS (SELECT 1 FROM billing.invoiced_charges t WHERE t.record = c.record))
         OR ($2::uuid IS NULL OR b.tenant > $2) AND EXISTS (SELECT 1 FROM billing.adjustments j WHERE j.tenant = b.tenant AND j.made_at_ms < $1 AND j.amount_nanos > 0
           AND NOT EXISTS (SELECT 1 FROM billing.invoiced_adjustments t WHERE t.adjustment = j.id))
         OR ($2::uuid IS NULL OR b.tenant > $2) AND EXISTS (SELECT 1 FROM (SELECT terms FROM billing.agreements WHERE tenant = b.tenant AND effective_from_ms <= $4
             ORDER BY effective_from_ms DESC, approved_at_ms DESC, id DESC LIMIT 1) g WHERE g.terms ->> 'minimumNanos' IS NOT NULL OR jsonb_array_length(g.terms -> 'fees') > 0)
           AND NOT EXISTS (SELECT 1 FROM billing.invoices i WHERE i.tenant = b.tenant AND i.kind = 'invoice' AND i.period_from_ms = $4 AND i.period_to_ms = $1) ORDER BY 1 LIMIT $3`,
      [toMs, after, limit, monthOf(toMs - 1).fromMs],
    );
    return rows.map(({ tenant }) => tenant);
  }

  private async groups(manager: EntityManager, tenant: string, from: string, where: string, parameters: readonly [string, string | number, number]): Promise<UsageGroup[]> {
    const rows = await manager.query<Row[]>(
      `SELECT c.project, COALESCE(a.model, o.model) AS model, a.endpoint, CASE WHEN c.charged_at_ms < $3 THEN to_char(to_timestamp(c.charged_at_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM') END AS late,
         ${meteredPrices}, ${meteredSums}, sum(c.amount_nanos) AS amount_nanos
       FROM ${from} LEFT JOIN billing.admissions a ON a.record = c.record LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer LEFT JOIN billing.offers o ON o.id = c.offer
       WHERE ${where} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 4 NULLS FIRST, 1, 2, 3, 5, 6, 7, 8`,
      [...parameters],
    );
    return rows.flatMap((row) => this.groupsOf(tenant, row));
  }

  private groupsOf(tenant: string, row: Row): UsageGroup[] {
    const common = { project: this.tenants.namesOf(tenant, row.project).projectName ?? row.project, model: row.model ?? 'Inference', endpoint: row.endpoint ?? '', lateMonth: row.late };
    const { lines, differenceNanos } = meteredLines(row);
    return [...lines.map((line) => ({ ...common, ...line })), ...(differenceNanos === 0n ? [] : [{ ...common, meter: 'difference' as const, quantity: 0n, priceNanos: 0n, amountNanos: differenceNanos }])];
  }
}
