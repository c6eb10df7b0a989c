import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Billed, Term } from './terms.js';

/** What issued invoices say beside usage, by the month that it is of. */
@Injectable()
export class InvoiceTermsStore {
  /** What invoices have of a month so far. */
  async billed(manager: EntityManager, tenant: string, monthMs: number): Promise<Billed> {
    const rows = await manager.query<{ kind: string; name: string; nanos: string }[]>('SELECT kind, name, sum(amount_nanos) AS nanos FROM billing.invoiced_terms WHERE tenant = $1 AND month_ms = $2 GROUP BY kind, name', [tenant, monthMs]);
    const sumOf = (kind: string): bigint => rows.filter((row) => row.kind === kind).reduce((sum, { nanos }) => sum + BigInt(nanos), 0n);
    return { usageNanos: sumOf('usage'), minimumNanos: sumOf('minimum'), fees: new Set(rows.filter(({ kind }) => kind === 'fee').map(({ name }) => name)) };
  }

  /** Once for each invoice. */
  async add(manager: EntityManager, { invoice, tenant, monthMs, usageNanos }: { invoice: string; tenant: string; monthMs: number; usageNanos: bigint }, terms: readonly Term[]): Promise<void> {
    const rows = [{ kind: 'usage', name: '', detail: '', amountNanos: usageNanos, credit: null }, ...terms.map((term) => ({ credit: null, ...term }))];
    await manager.query(
      `INSERT INTO billing.invoiced_terms (invoice, line, tenant, month_ms, kind, name, detail, amount_nanos, credit)
       SELECT $1, n, $2, $3, kind, name, detail, amount, credit FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[], $8::uuid[]) WITH ORDINALITY AS t(kind, name, detail, amount, credit, n)`,
      [invoice, tenant, monthMs, rows.map(({ kind }) => kind), rows.map(({ name }) => name), rows.map(({ detail }) => detail), rows.map(({ amountNanos }) => amountNanos), rows.map(({ credit }) => credit)],
    );
  }
}
