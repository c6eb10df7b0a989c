import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CostLine } from '#protocol';
import { TenantRecords } from '../records/tenant-records.service.js';
import { besideUsage, isBesideUsage, IssuedInvoicesStore } from './issued-invoices.store.js';
import type { IssuedInvoice } from './issued-invoices.store.js';
import { meteredLines, meteredPrices, meteredSums, noPrices, noSums } from './metered-lines.js';
import type { MeteredRow } from './metered-lines.js';
import { pageBytesMax, wireBytes } from './page-bytes.js';

/** Groups that are looked up for a page, and lines that it has at most. With long tags it has fewer: it is bounded by its bytes, too. */
const groupsPerPage = 150;
const linesPerPage = 600;
const dayMs = 86_400_000;

interface GroupRow extends MeteredRow {
  id: string;
  day: string;
  project: string | null;
  key: string | null;
  model: string | null;
  endpoint: string | null;
  offer: string | null;
  node: string | null;
  node_name: string | null;
  price_version: string | null;
  price_hash: string | null;
  tags: string[];
  invoice: string | null;
  /** The issued invoice of the request that a credit or correction is about, where that is another one. */
  corrects: string | null;
  /** Of what is no usage. */
  meter: 'credit' | 'correction' | 'discount' | 'minimum' | 'fee' | 'granted' | 'tax' | 'rounding' | 'credit_note' | null;
}

/** An invoice is of the last day of its period, a note of the day on which it was issued. */
const toldMs = `CASE v.kind WHEN 'invoice' THEN v.period_to_ms - 1 ELSE v.issued_at_ms END`;

const selectGroups = `
  SELECT * FROM (
    SELECT md5(concat_ws('|', c.project, a.key_id, a.model, a.endpoint, c.offer, c.node, c.price_version, a.cost_tags, v.number)) AS id, c.charged_at_ms / ${dayMs} * ${dayMs} AS day,
      c.project, a.key_id AS key, COALESCE(a.model, o.model) AS model, a.endpoint, c.offer, c.node, n.name AS node_name, c.price_version, p.hash AS price_hash,
      ${meteredPrices}, a.cost_tags AS tags, ${meteredSums},
      sum(c.amount_nanos) AS amount_nanos, v.number AS invoice, NULL AS meter, NULL AS corrects
    FROM billing.charges c JOIN billing.admissions a ON a.record = c.record
      LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer LEFT JOIN billing.offers o ON o.id = c.offer LEFT JOIN billing.nodes n ON n.id = c.node
      LEFT JOIN billing.invoiced_charges t ON t.record = c.record LEFT JOIN billing.invoices v ON v.id = t.invoice
    WHERE c.tenant = $1 AND c.charged_at_ms >= $2 AND c.charged_at_ms < $3
    GROUP BY c.project, a.key_id, a.model, o.model, a.endpoint, c.offer, c.node, n.name, c.price_version, p.version, a.cost_tags, v.number, 2
    UNION ALL
    SELECT md5('credit ' || j.id), j.made_at_ms / ${dayMs} * ${dayMs}, c.project, a.key_id, COALESCE(a.model, o.model), a.endpoint, c.offer, c.node, n.name, c.price_version, p.hash, ${noPrices}, a.cost_tags, ${noSums}, j.amount_nanos, v.number, CASE WHEN k.id IS NULL THEN 'credit' ELSE 'correction' END, w.number
    FROM billing.adjustments j JOIN billing.charges c ON c.record = j.record JOIN billing.admissions a ON a.record = c.record
      LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer LEFT JOIN billing.offers o ON o.id = c.offer LEFT JOIN billing.nodes n ON n.id = c.node
      LEFT JOIN billing.corrections k ON k.id = j.id LEFT JOIN billing.invoiced_adjustments t ON t.adjustment = j.id LEFT JOIN billing.invoices v ON v.id = t.invoice
      LEFT JOIN billing.invoiced_charges s ON s.record = c.record LEFT JOIN billing.invoices w ON w.id = s.invoice AND w.id IS DISTINCT FROM t.invoice
    WHERE j.tenant = $1 AND j.made_at_ms >= $2 AND j.made_at_ms < $3
    UNION ALL
    SELECT md5('term ' || t.invoice || t.line), (v.period_to_ms - 1) / ${dayMs} * ${dayMs}, NULL, NULL, t.name, t.detail, NULL, NULL, NULL, NULL, NULL, ${noPrices}, ARRAY[]::text[], ${noSums}, t.amount_nanos, v.number, t.kind, NULL
    FROM billing.invoiced_terms t JOIN billing.invoices v ON v.id = t.invoice
    WHERE t.kind <> 'usage' AND t.tenant = $1 AND v.period_to_ms - 1 >= $2 AND v.period_to_ms - 1 < $3
    UNION ALL
    SELECT md5(m || ' ' || v.id), (${toldMs}) / ${dayMs} * ${dayMs}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ${noPrices}, ARRAY[]::text[], ${noSums}, 0, v.number, m, NULL
    FROM billing.invoices v, unnest(CASE v.kind WHEN 'invoice' THEN ARRAY['rounding', 'tax'] ELSE ARRAY['credit_note', 'tax'] END) AS m
    WHERE v.number IS NOT NULL AND v.tenant = $1 AND ${toldMs} >= $2 AND ${toldMs} < $3
  ) AS groups
  WHERE $4::bigint IS NULL OR (day, id) > ($4, $5::text)
  ORDER BY day, id LIMIT $6`;

@Injectable()
export class CostLinesStore {
  constructor(
    @Inject(TenantRecords) private readonly tenants: TenantRecords,
    @Inject(IssuedInvoicesStore) private readonly issued: IssuedInvoicesStore,
  ) {}

  async page(manager: EntityManager, tenant: string, { fromMs, toMs, after }: { fromMs: number; toMs: number; after?: string | undefined }): Promise<{ lines: CostLine[]; next: string | null }> {
    const [day, id] = after?.split(':') ?? [null, null];
    const rows = await manager.query<GroupRow[]>(selectGroups, [tenant, fromMs - (fromMs % dayMs), Math.ceil(toMs / dayMs) * dayMs, day, id, groupsPerPage]);
    const issued = await this.issued.find(manager, tenant, [...new Set(rows.flatMap(({ invoice }) => invoice ?? []))]);
    const seller = await this.issued.sellerOf(manager, tenant);
    const lines: CostLine[] = [];
    let bytes = 0;
    for (const [index, row] of rows.entries()) {
      const more = this.linesOf(tenant, row, row.invoice === null ? undefined : issued.get(row.invoice), seller);
      bytes += more.reduce((sum, line) => sum + wireBytes(line), 0);
      // What does not fit begins the next page. A group is never split: its ten lines with all the tags that a request may have are 320 KiB.
      if (index > 0 && (lines.length + more.length > linesPerPage || bytes > pageBytesMax)) return { lines, next: afterGroup(rows[index - 1]!) };
      lines.push(...more);
    }
    return { lines, next: rows.length === groupsPerPage ? afterGroup(rows.at(-1)!) : null };
  }

  private linesOf(tenant: string, row: GroupRow, issued: IssuedInvoice | undefined, seller: string | null): CostLine[] {
    const common = {
      dayMs: Number(row.day),
      project: row.project,
      ...this.tenants.namesOf(tenant, row.project ?? ''),
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
      issuer: issued?.issuer ?? seller,
      ...(issued && { billed: { currency: issued.currency, nanosPerUsd: issued.nanosPerUsd, ...(issued.kind === 'invoice' && { periodFromMs: issued.periodFromMs, periodToMs: issued.periodToMs }) } }),
      ...(row.corrects !== null && { corrects: row.corrects }),
    };
    const other = (meter: CostLine['meter'], amountNanos: bigint): CostLine => ({ ...common, meter, quantity: 0, priceNanos: 0n, amountNanos });
    if (isBesideUsage(row.meter)) {
      const beside = issued && besideUsage(row.meter, issued);
      if (!beside) return [];
      const { model, endpoint, ...amounts } = beside;
      return [{ ...other(row.meter, 0n), model, endpoint, billed: { ...common.billed!, ...amounts } }];
    }
    if (row.meter !== null) return [other(row.meter, BigInt(row.amount_nanos))];
    const { lines, differenceNanos } = meteredLines(row);
    return [...lines.map((line): CostLine => ({ ...common, ...line, quantity: Number(line.quantity) })), ...(differenceNanos === 0n ? [] : [other('difference', differenceNanos)])];
  }
}

const afterGroup = ({ day: at, id }: GroupRow): string => `${at}:${id}`;
