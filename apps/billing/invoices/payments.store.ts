import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { InvoicePayment } from '#protocol';
import { accountId, namedUuid, receivable } from '../ledger/chart-of-accounts.js';

export interface SettledMoney {
  readonly statement: string;
  readonly tx: string;
  readonly settledAtMs: number;
  /** Of what the statement settled, not yet paid on an invoice. */
  readonly leftNanos: bigint;
}

@Injectable()
export class PaymentsStore {
  async find(manager: EntityManager, id: string): Promise<InvoicePayment | undefined> {
    return (await this.read(manager, 'id = $1', id))[0];
  }

  ofInvoice(manager: EntityManager, invoice: string): Promise<InvoicePayment[]> {
    return this.read(manager, 'invoice = $1', invoice);
  }

  async add(manager: EntityManager, tenant: string, payment: InvoicePayment, chain: { statement: string; usdNanos: bigint } | null): Promise<void> {
    await manager.query('INSERT INTO billing.invoice_payments (id, invoice, tenant, amount_minor, source, reference, statement, usd_nanos, paid_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      ...[payment.id, payment.invoice, tenant, payment.amountMinor, payment.source, payment.reference],
      ...[chain?.statement ?? null, chain?.usdNanos ?? null, payment.paidAtMs],
    ]);
    await manager.query('UPDATE billing.invoices SET paid_minor = paid_minor + $2 WHERE id = $1', [payment.invoice, payment.amountMinor]);
  }

  /** What settled statements took off the tenant's debt, as posted, less what paid invoices already; oldest first. */
  async settled(manager: EntityManager, tenant: string): Promise<SettledMoney[]> {
    const statements = await manager.query<{ id: string; settled_tx: string; settled_at_ms: string; used: string }[]>(
      `SELECT s.id, s.settled_tx, s.settled_at_ms, COALESCE((SELECT sum(p.usd_nanos) FROM billing.invoice_payments p WHERE p.statement = s.id), 0) AS used
       FROM billing.statements s WHERE s.tenant = $1 AND s.state = 'settled' ORDER BY s.settled_at_ms, s.id`,
      [tenant],
    );
    const posted = await manager.query<{ transfer: string; amount: string }[]>('SELECT transfer, amount FROM billing.postings WHERE transfer = ANY($1::uuid[]) AND account = $2', [
      statements.map(({ id }) => namedUuid('epoch.settle', id)),
      accountId(receivable(tenant)),
    ]);
    const amounts = new Map(posted.map(({ transfer, amount }) => [transfer, -BigInt(amount)]));
    return statements.map((row) => ({ statement: row.id, tx: row.settled_tx, settledAtMs: Number(row.settled_at_ms), leftNanos: (amounts.get(namedUuid('epoch.settle', row.id)) ?? 0n) - BigInt(row.used) }));
  }

  /** Organisations with an open invoice and a settled statement, for the periodic look. */
  async tenantsOpen(manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ tenant: string }[]>(
      `SELECT DISTINCT i.tenant FROM billing.invoices i WHERE i.kind = 'invoice' AND i.number IS NOT NULL AND i.paid_minor + i.credited_minor < i.gross_minor
         AND EXISTS (SELECT 1 FROM billing.statements s WHERE s.tenant = i.tenant AND s.state = 'settled')`,
    );
    return rows.map(({ tenant }) => tenant);
  }

  private async read(manager: EntityManager, where: string, id: string): Promise<InvoicePayment[]> {
    const rows = await manager.query<{ id: string; invoice: string; amount_minor: string; source: InvoicePayment['source']; reference: string; paid_at_ms: string }[]>(
      `SELECT id, invoice, amount_minor, source, reference, paid_at_ms FROM billing.invoice_payments WHERE ${where} ORDER BY paid_at_ms, id`,
      [id],
    );
    return rows.map((row) => ({ id: row.id, invoice: row.invoice, amountMinor: BigInt(row.amount_minor), source: row.source, reference: row.reference, paidAtMs: Number(row.paid_at_ms) }));
  }
}
