import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Invoice, InvoiceCurrency, InvoiceDocument } from '#protocol';
import { documentText, sha256 } from './invoice-document.js';

interface Row {
  id: string;
  tenant: string;
  seller: string;
  kind: Invoice['kind'];
  corrects: string | null;
  currency: InvoiceCurrency;
  number: string | null;
  document_hash: string | null;
  pdf_hash: string | null;
  ubl_hash: string | null;
  period_from_ms: string;
  period_to_ms: string;
  issue_after_ms: string;
  issued_at_ms: string | null;
  net_minor: string;
  tax_minor: string;
  gross_minor: string;
  paid_minor: string;
  credited_minor: string;
  returned_minor: string;
}

const columns = `i.id, i.tenant, i.seller, i.kind, i.corrects, i.currency, i.number, i.document_hash, i.period_from_ms, i.period_to_ms, i.issue_after_ms, i.issued_at_ms, i.net_minor, i.tax_minor,
  i.gross_minor, i.paid_minor, i.credited_minor, i.returned_minor, (SELECT hash FROM billing.invoice_files f WHERE f.invoice = i.id AND f.kind = 'pdf') AS pdf_hash, (SELECT hash FROM billing.invoice_files f WHERE f.invoice = i.id AND f.kind = 'ubl') AS ubl_hash`;

export type FoundInvoice = Invoice & { readonly seller: string; readonly corrects: string | null; readonly returnedMinor: bigint };

/** What is still to be paid of an issued invoice. */
export const dueOf = ({ grossMinor, paidMinor, creditedMinor, returnedMinor }: FoundInvoice): bigint => grossMinor - paidMinor - creditedMinor + returnedMinor;

/** The same in SQL, as the index of open invoices has it. */
export const isOpen = `i.kind = 'invoice' AND i.number IS NOT NULL AND i.paid_minor + i.credited_minor - i.returned_minor < i.gross_minor`;

/** Invoices and credit notes, and the files they were issued as. */
/** A draft that is to be issued. */
export interface DueDraft {
  readonly tenant: string;
  readonly id: string;
  /** As the database has it. */
  readonly issueAfterMs: string;
}

@Injectable()
export class InvoicesStore {
  /** One at a time decides about a tenant's invoices. */
  async lockTenant(manager: EntityManager, tenant: string): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('invoices of ' || $1, 0))`, [tenant]);
  }

  async find(manager: EntityManager, tenant: string, id: string): Promise<FoundInvoice | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.invoices i WHERE i.id = $1 AND i.tenant = $2`, [id, tenant]);
    return row && fromRow(row);
  }

  async ofPeriod(manager: EntityManager, tenant: string, fromMs: number, toMs: number): Promise<FoundInvoice | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.invoices i WHERE i.tenant = $1 AND i.period_from_ms = $2 AND i.period_to_ms = $3 AND i.kind = 'invoice'`, [tenant, fromMs, toMs]);
    return row && fromRow(row);
  }

  /** Newest first; ids rise with time. */
  async list(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<FoundInvoice[]> {
    const rows = await manager.query<Row[]>(`SELECT ${columns} FROM billing.invoices i WHERE ($1::uuid IS NULL OR i.tenant = $1) AND ($2::text IS NULL OR i.id::text < $2) ORDER BY i.id DESC LIMIT $3`, [tenant, after ?? null, limit]);
    return rows.map(fromRow);
  }

  /** Issued and not wholly paid, oldest first. */
  async open(manager: EntityManager, tenant: string): Promise<FoundInvoice[]> {
    const rows = await manager.query<Row[]>(
      `SELECT ${columns} FROM billing.invoices i WHERE i.tenant = $1 AND ${isOpen} ORDER BY i.issued_at_ms, i.id`,
      [tenant],
    );
    return rows.map(fromRow);
  }

  /** Those whose grace is over, in its order, after one. */
  async drafts(manager: EntityManager, beforeMs: number, after: DueDraft | null, limit: number): Promise<DueDraft[]> {
    return manager.query(
      `SELECT tenant, id, issue_after_ms AS "issueAfterMs" FROM billing.invoices
       WHERE number IS NULL AND issue_after_ms <= $1 AND ($2::bigint IS NULL OR (issue_after_ms, id) > ($2, $3::uuid)) ORDER BY issue_after_ms, id LIMIT $4`,
      [beforeMs, after?.issueAfterMs ?? null, after?.id ?? null, limit],
    );
  }

  async insert(manager: EntityManager, { id, tenant, kind, currency, netMinor, taxMinor, grossMinor, corrects }: InvoiceDocument, seller: string, period: { fromMs: number; toMs: number; issueAfterMs: number }, inputHash: string | null = null): Promise<void> {
    await manager.query(
      `INSERT INTO billing.invoices (id, tenant, seller, kind, corrects, period_from_ms, period_to_ms, issue_after_ms, currency, net_minor, tax_minor, gross_minor, input_hash)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      [id, tenant, seller, kind, corrects?.id ?? null, period.fromMs, period.toMs, period.issueAfterMs, currency, netMinor, taxMinor, grossMinor, inputHash],
    );
  }

  /** A draft; of another one the database refuses it. */
  async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.query('DELETE FROM billing.invoices WHERE id = $1', [id]);
  }

  /** The next number of a seller's series; its row stays locked until the transaction ends. */
  async nextNumber(manager: EntityManager, seller: string, prefix: string, kind: Invoice['kind'], year: number): Promise<string> {
    const [row] = await manager.query<{ last: number }[]>(
      'INSERT INTO billing.invoice_series (seller, kind, year, last) VALUES ($1, $2, $3, 1) ON CONFLICT (seller, kind, year) DO UPDATE SET last = invoice_series.last + 1 RETURNING last',
      [seller, kind, year],
    );
    return `${prefix}${kind === 'invoice' ? '' : '-CN'}-${year}-${String(row!.last).padStart(5, '0')}`;
  }

  async freeze(manager: EntityManager, document: InvoiceDocument, seller: string, issuedAtMs: number, files: Readonly<Record<'pdf' | 'ubl', Uint8Array>>): Promise<string> {
    const text = documentText(document);
    const hash = sha256(text);
    await manager.query(
      'UPDATE billing.invoices SET seller = $2, currency = $3, net_minor = $4, tax_minor = $5, gross_minor = $6, number = $7, issued_at_ms = $8, document = $9, document_hash = $10 WHERE id = $1',
      [document.id, seller, document.currency, document.netMinor, document.taxMinor, document.grossMinor, document.number, issuedAtMs, text, hash],
    );
    for (const [kind, bytes] of Object.entries(files)) await manager.query('INSERT INTO billing.invoice_files (invoice, kind, tenant, bytes, hash) VALUES ($1, $2, $3, $4, $5)', [document.id, kind, document.tenant, Buffer.from(bytes), sha256(bytes)]);
    return hash;
  }

  async document(manager: EntityManager, id: string): Promise<string | undefined> {
    const [row] = await manager.query<{ document: string | null }[]>('SELECT document FROM billing.invoices WHERE id = $1', [id]);
    return row?.document ?? undefined;
  }

  async file(manager: EntityManager, tenant: string, id: string, kind: 'pdf' | 'ubl'): Promise<{ bytes: Buffer; hash: string } | undefined> {
    const [row] = await manager.query<{ bytes: Buffer; hash: string }[]>('SELECT bytes, hash FROM billing.invoice_files WHERE invoice = $1 AND tenant = $2 AND kind = $3', [id, tenant, kind]);
    return row;
  }

  async creditNotesOf(manager: EntityManager, id: string): Promise<string[]> {
    const rows = await manager.query<{ document: string }[]>(`SELECT document FROM billing.invoices WHERE corrects = $1 AND document IS NOT NULL`, [id]);
    return rows.map(({ document }) => document);
  }

  /** What a credit note was asked for with; `null` where that was not kept. */
  async inputHash(manager: EntityManager, id: string): Promise<string | null> {
    const [row] = await manager.query<{ input_hash: string | null }[]>('SELECT input_hash FROM billing.invoices WHERE id = $1', [id]);
    return row?.input_hash ?? null;
  }

  /** `returnedMinor`: how much of it was paid, and is not any more. */
  async addCredited(manager: EntityManager, id: string, minor: bigint, returnedMinor: bigint): Promise<void> {
    await manager.query('UPDATE billing.invoices SET credited_minor = credited_minor + $2, returned_minor = returned_minor + $3 WHERE id = $1', [id, minor, returnedMinor]);
  }
}

function fromRow(row: Row): FoundInvoice {
  const [grossMinor, paidMinor, creditedMinor, returnedMinor] = [BigInt(row.gross_minor), BigInt(row.paid_minor), BigInt(row.credited_minor), BigInt(row.returned_minor)];
  const settledMinor = paidMinor + creditedMinor - returnedMinor;
  const state = row.number === null ? 'draft' : row.kind === 'credit_note' || settledMinor >= grossMinor ? 'paid' : settledMinor > 0n ? 'partly_paid' : 'issued';
  return {
    ...{ id: row.id, tenant: row.tenant, seller: row.seller, kind: row.kind, corrects: row.corrects, currency: row.currency, number: row.number, state, grossMinor, paidMinor, creditedMinor, returnedMinor },
    periodFromMs: Number(row.period_from_ms),
    periodToMs: Number(row.period_to_ms),
    issueAfterMs: Number(row.issue_after_ms),
    issuedAtMs: row.issued_at_ms === null ? null : Number(row.issued_at_ms),
    netMinor: BigInt(row.net_minor),
    taxMinor: BigInt(row.tax_minor),
    ...{ documentHash: row.document_hash, pdfHash: row.pdf_hash, ublHash: row.ubl_hash },
  };
}
