import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CostLine } from '#protocol';
import { TenantRecords } from '../records/tenant-records.service.js';

/** Groups of a page; each has up to three lines of at most 1.5 KiB with usual tags: below the bus's mebibyte. */
const groupsPerPage = 150;
const dayMs = 86_400_000;

interface GroupRow {
  id: string;
  day: string;
  project: string;
  key: string | null;
  model: string | null;
  endpoint: string | null;
  offer: string;
  node: string;
  node_name: string | null;
  price_version: string;
  price_hash: string | null;
  input_price: string | null;
  output_price: string | null;
  tags: string[];
  input_tokens: string;
  output_tokens: string;
  input_nanos: string;
  output_nanos: string;
  amount_nanos: string;
  invoice: string | null;
}

/** Each request's own line, rounded half up as its charge was. Failed ones cost nothing and are no usage to pay for. */
const lineNanos = (tokens: string, price: string): string => `sum(div(c.${tokens}::numeric * COALESCE(p.${price}, 0) + 500000, 1000000)) FILTER (WHERE c.outcome <> 'failed')`;

const selectGroups = `
  SELECT * FROM (
    SELECT md5(concat_ws('|', c.project, a.key_id, a.model, a.endpoint, c.offer, c.node, c.price_version, a.cost_tags, v.number)) AS id, c.charged_at_ms / ${dayMs} * ${dayMs} AS day,
      c.project, a.key_id AS key, COALESCE(a.model, o.model) AS model, a.endpoint, c.offer, c.node, n.name AS node_name, c.price_version, p.hash AS price_hash,
      p.input_nanos_per_million AS input_price, p.output_nanos_per_million AS output_price, a.cost_tags AS tags,
      COALESCE(sum(c.input_tokens) FILTER (WHERE c.outcome <> 'failed'), 0) AS input_tokens, COALESCE(sum(c.output_tokens) FILTER (WHERE c.outcome <> 'failed'), 0) AS output_tokens,
      COALESCE(${lineNanos('input_tokens', 'input_nanos_per_million')}, 0) AS input_nanos, COALESCE(${lineNanos('output_tokens', 'output_nanos_per_million')}, 0) AS output_nanos,
      sum(c.amount_nanos) AS amount_nanos, v.number AS invoice
    FROM billing.charges c JOIN billing.admissions a ON a.record = c.record
      LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer LEFT JOIN billing.offers o ON o.id = c.offer LEFT JOIN billing.nodes n ON n.id = c.node
      LEFT JOIN billing.invoiced_charges t ON t.record = c.record LEFT JOIN billing.invoices v ON v.id = t.invoice
    WHERE c.tenant = $1 AND c.charged_at_ms >= $2 AND c.charged_at_ms < $3
    GROUP BY c.project, a.key_id, a.model, o.model, a.endpoint, c.offer, c.node, n.name, c.price_version, p.version, a.cost_tags, v.number, 2
  ) AS groups
  WHERE $4::bigint IS NULL OR (day, id) > ($4, $5::text)
  ORDER BY day, id LIMIT $6`;

@Injectable()
export class CostLinesStore {
  constructor(@Inject(TenantRecords) private readonly tenants: TenantRecords) {}

  async page(manager: EntityManager, tenant: string, { fromMs, toMs, after }: { fromMs: number; toMs: number; after?: string | undefined }): Promise<{ lines: CostLine[]; next: string | null }> {
    const [day, id] = after?.split(':') ?? [null, null];
    const rows = await manager.query<GroupRow[]>(selectGroups, [tenant, fromMs - (fromMs % dayMs), Math.ceil(toMs / dayMs) * dayMs, day, id, groupsPerPage]);
    const last = rows.at(-1);
    return { lines: rows.flatMap((row) => this.linesOf(tenant, row)), next: rows.length === groupsPerPage ? `${last!.day}:${last!.id}` : null };
  }

  private linesOf(tenant: string, row: GroupRow): CostLine[] {
    const common = {
      dayMs: Number(row.day),
      project: row.project,
      ...this.tenants.namesOf(tenant, row.project),
      keyId: row.key,
      model: row.model ?? '',
      endpoint: row.endpoint ?? '',
      offer: row.offer,
      node: row.node,
      nodeName: row.node_name,
      priceVersion: row.price_version,
      priceHash: row.price_hash,
      tags: row.tags,
      invoice: row.invoice,
    };
    const differenceNanos = BigInt(row.amount_nanos) - BigInt(row.input_nanos) - BigInt(row.output_nanos);
    const lines: CostLine[] = [
      { ...common, meter: 'input', tokens: Number(row.input_tokens), nanosPerMillion: BigInt(row.input_price ?? 0), amountNanos: BigInt(row.input_nanos) },
      { ...common, meter: 'output', tokens: Number(row.output_tokens), nanosPerMillion: BigInt(row.output_price ?? 0), amountNanos: BigInt(row.output_nanos) },
      { ...common, meter: 'difference', tokens: 0, nanosPerMillion: 0n, amountNanos: differenceNanos },
    ];
    return lines.filter(({ tokens, amountNanos }) => tokens > 0 || amountNanos !== 0n);
  }
}
