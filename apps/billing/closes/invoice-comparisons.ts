import { nanosPerMinor } from '../invoices/rounding.js';
import { namedByCallerSql } from '../ledger/transfer.js';
import type { Comparison } from './comparison.js';

/** What callers name, of that code alone: their name may be that of another transfer. */
const namedTransfer = (code: 'invoice.credit' | 'usage.correct', column: string): string => `IN (SELECT t.id FROM billing.transfers t WHERE t.code = '${code}' AND t.id = ANY(${namedByCallerSql(code, column)}))`;
const postedOn = (kinds: string, transfer = '= i.id'): string => `(SELECT COALESCE(sum(p.amount), 0) FROM billing.postings p JOIN billing.accounts a ON a.id = p.account WHERE p.transfer ${transfer} AND a.kind IN (${kinds}))`;
const noteTransfer = namedTransfer('invoice.credit', 'i.id');
const taken = (table: string, where: string): string => `(SELECT COALESCE(sum(x.amount_nanos), 0) FROM ${table} WHERE ${where} = i.id)`;

/** Issued invoices and credit notes against the ledger, and against what they took in. */
export const invoiceComparisons: readonly Comparison[] = [
  [
    'invoice_not_ledger',
    `SELECT id AS subject, number || ': ' || said || ' nanos of ' || currency || ' by the document, ' || posted || ' in the ledger' AS detail
     FROM (SELECT i.id, i.number, i.currency, i.gross_minor * ${nanosPerMinor}::numeric AS said, CASE i.kind WHEN 'invoice' THEN ${postedOn(`'invoiced'`)} ELSE ${postedOn(`'allowance', 'tax'`, noteTransfer)} END AS posted FROM billing.invoices i WHERE i.number IS NOT NULL) AS issued
     WHERE said <> posted ORDER BY 1`,
  ],
  [
    'invoice_not_ledger',
    `SELECT id AS subject, number || ': usage of ' || said || ' nanos by the document, ' || posted || ' taken off what is owed for usage' AS detail
     FROM (SELECT i.id, i.number, (i.document::jsonb ->> 'usageNanos')::numeric AS said, -${postedOn(`'receivable'`)} AS posted FROM billing.invoices i WHERE i.kind = 'invoice' AND i.number IS NOT NULL) AS issued
     WHERE said <> posted ORDER BY 1`,
  ],
  [
    'invoice_not_usage',
    `SELECT id AS subject, number || ': usage of ' || said || ' nanos by the document, ' || took || ' in charges, adjustments and terms' AS detail
     FROM (SELECT i.id, i.number, (i.document::jsonb ->> 'usageNanos')::numeric AS said,
         ${taken('billing.invoiced_charges t JOIN billing.charges x ON x.record = t.record', 't.invoice')} + ${taken('billing.invoiced_adjustments t JOIN billing.adjustments x ON x.id = t.adjustment', 't.invoice')}
           + ${taken('billing.invoiced_terms x', `x.kind <> 'usage' AND x.invoice`)} AS took
       FROM billing.invoices i WHERE i.kind = 'invoice' AND i.number IS NOT NULL) AS issued
     WHERE said <> took ORDER BY 1`,
  ],
  [
    'adjustment_not_ledger',
    `SELECT j.id AS subject, j.amount_nanos || ' nanos by the correction, ' || p.nanos || ' in the ledger' AS detail
     FROM billing.corrections j CROSS JOIN LATERAL (SELECT COALESCE(sum(p.amount), 0) AS nanos FROM billing.postings p JOIN billing.accounts a ON a.id = p.account WHERE p.transfer ${namedTransfer('usage.correct', 'j.id')} AND a.kind = 'receivable') p
     WHERE j.amount_nanos <> p.nanos ORDER BY 1`,
  ],
];
