import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { TenantRecords } from '../records/tenant-records.service.js';
import type { UsageGroup } from './invoice-lines.js';

interface Row {
  project: string;
  model: string | null;
  endpoint: string | null;
  late: string | null;
  input_price: string;
  output_price: string;
  input_tokens: string;
  output_tokens: string;
  input_nanos: string;
  output_nanos: string;
  amount_nanos: string;
}

/** Each request's own line, rounded half up as its charge was; failed ones cost nothing. */
const lineNanos = (tokens: string, price: string): string => `COALESCE(sum(div(c.${tokens}::numeric * COALESCE(p.${price}, 0) + 500000, 1000000)) FILTER (WHERE c.outcome <> 'failed'), 0)`;
const tokensOf = (tokens: string): string => `COALESCE(sum(c.${tokens}) FILTER (WHERE c.outcome <> 'failed'), 0)`;

/** Not in an invoice yet, of the period or late of an earlier one: `$1` tenant, `$2` the period's end. */
const due = 'c.tenant = $1 AND c.charged_at_ms < $2 AND NOT EXISTS (SELECT 1 FROM billing.invoiced_charges t WHERE t.record = c.record)';

/** Which charges are in which invoice: each in one. */
@Injectable()
export class InvoicedChargesStore {
  constructor(@Inject(TenantRecords) private readonly tenants: TenantRecords) {}

  /** Takes what is due into an invoice. */
  async take(manager: EntityManager, tenant: string, toMs: number, invoice: string): Promise<void> {
    await manager.query(`INSERT INTO billing.invoiced_charges (record, invoice, tenant) SELECT c.record, $3, c.tenant FROM billing.charges c WHERE ${due} ORDER BY c.record`, [tenant, toMs, invoice]);
  }

  /** What is due now. */
  due(manager: EntityManager, tenant: string, fromMs: number, toMs: number): Promise<UsageGroup[]> {
    return this.groups(manager, tenant, `billing.charges c`, due, [tenant, toMs, fromMs]);
  }

  /** What an invoice took. */
  taken(manager: EntityManager, tenant: string, fromMs: number, invoice: string): Promise<UsageGroup[]> {
    return this.groups(manager, tenant, 'billing.invoiced_charges t JOIN billing.charges c ON c.record = t.record', 't.invoice = $2 AND t.tenant = $1', [tenant, invoice, fromMs]);
  }

  /** Organisations with details for invoices and something due before `toMs`, in order, after one of them. */
  async tenantsDue(manager: EntityManager, toMs: number, after: string | null, limit: number): Promise<string[]> {
    const rows = await manager.query<{ tenant: string }[]>(
      `SELECT b.tenant FROM billing.buyers b WHERE ($2::uuid IS NULL OR b.tenant > $2) AND EXISTS (SELECT 1 FROM billing.charges c WHERE c.tenant = b.tenant AND c.charged_at_ms < $1
         AND NOT EXISTS (SELECT 1 FROM billing.invoiced_charges t WHERE t.record = c.record)) ORDER BY 1 LIMIT $3`,
      [toMs, after, limit],
    );
    return rows.map(({ tenant }) => tenant);
  }

  private async groups(manager: EntityManager, tenant: string, from: string, where: string, parameters: readonly [string, string | number, number]): Promise<UsageGroup[]> {
    const rows = await manager.query<Row[]>(
      `SELECT c.project, COALESCE(a.model, o.model) AS model, a.endpoint, CASE WHEN c.charged_at_ms < $3 THEN to_char(to_timestamp(c.charged_at_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM') END AS late,
         COALESCE(p.input_nanos_per_million, 0) AS input_price, COALESCE(p.output_nanos_per_million, 0) AS output_price, ${tokensOf('input_tokens')} AS input_tokens, ${tokensOf('output_tokens')} AS output_tokens,
         ${lineNanos('input_tokens', 'input_nanos_per_million')} AS input_nanos, ${lineNanos('output_tokens', 'output_nanos_per_million')} AS output_nanos, sum(c.amount_nanos) AS amount_nanos
       FROM ${from} LEFT JOIN billing.admissions a ON a.record = c.record LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer LEFT JOIN billing.offers o ON o.id = c.offer
       WHERE ${where} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 4 NULLS FIRST, 1, 2, 3, 5, 6`,
      [...parameters],
    );
    return rows.flatMap((row) => this.groupsOf(tenant, row));
  }

  private groupsOf(tenant: string, row: Row): UsageGroup[] {
    const common = { project: this.tenants.namesOf(tenant, row.project).projectName ?? row.project, model: row.model ?? 'Inference', endpoint: row.endpoint ?? '', lateMonth: row.late };
    const [input, output, amount] = [BigInt(row.input_nanos), BigInt(row.output_nanos), BigInt(row.amount_nanos)];
    const groups: UsageGroup[] = [
      { ...common, meter: 'input', tokens: BigInt(row.input_tokens), nanosPerMillion: BigInt(row.input_price), amountNanos: input },
      { ...common, meter: 'output', tokens: BigInt(row.output_tokens), nanosPerMillion: BigInt(row.output_price), amountNanos: output },
      { ...common, meter: 'difference', tokens: 0n, nanosPerMillion: 0n, amountNanos: amount - input - output },
    ];
    return groups.filter(({ tokens, amountNanos }) => tokens > 0n || amountNanos !== 0n);
  }
}
