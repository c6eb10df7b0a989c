import { nanosPerMinor } from '../invoices/rounding.js';
import type { Comparison } from './comparison.js';

const minor = `${nanosPerMinor}::numeric`;

/** What documents say is open, paid, credited or set aside, against the account that has the sum of it: a list of open items that does not come to its account cannot be dunned by. */
export const openItemComparisons: readonly Comparison[] = [
  [
    'invoices_not_account',
    `SELECT tenant || ' ' || currency AS subject, 'issued invoices have ' || COALESCE(i.nanos, 0) || ' nanos open, the account ' || COALESCE(a.nanos, 0) AS detail
     FROM (SELECT tenant, currency, balance AS nanos FROM billing.accounts WHERE kind = 'invoiced') a
       FULL JOIN (SELECT tenant::text AS tenant, currency, sum(gross_minor - paid_minor - credited_minor + returned_minor) * ${minor} AS nanos FROM billing.invoices WHERE kind = 'invoice' AND number IS NOT NULL GROUP BY 1, 2) i USING (tenant, currency)
     WHERE COALESCE(i.nanos, 0) <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
  [
    'payments_not_invoice',
    `SELECT i.id AS subject, i.number || ': ' || i.paid_minor || ' hundredths paid by the invoice, ' || COALESCE(p.paid, 0) || ' by its payments' AS detail
     FROM billing.invoices i LEFT JOIN (SELECT invoice, sum(amount_minor) AS paid FROM billing.invoice_payments WHERE reversal IS NULL GROUP BY 1) p ON p.invoice = i.id
     WHERE i.number IS NOT NULL AND i.paid_minor <> COALESCE(p.paid, 0) ORDER BY 1`,
  ],
  [
    'credit_balance_not_account',
    `SELECT tenant || ' ' || currency AS subject, 'credited after it was paid and paid beyond what was due, less what it paid and what was asked back: ' || COALESCE(d.nanos, 0) || ' nanos, the account ' || COALESCE(a.nanos, 0) AS detail
     FROM (SELECT tenant, currency, -balance AS nanos FROM billing.accounts WHERE kind = 'credit-balance') a
       FULL JOIN (SELECT tenant, currency, sum(said) * ${minor} AS nanos FROM (
           SELECT tenant::text AS tenant, currency, returned_minor::numeric AS said FROM billing.invoices WHERE kind = 'invoice' AND number IS NOT NULL
           UNION ALL SELECT p.tenant::text, i.currency, CASE p.source WHEN 'balance' THEN -p.amount_minor ELSE p.excess_minor END FROM billing.invoice_payments p JOIN billing.invoices i ON i.id = p.invoice WHERE p.reversal IS NULL
           UNION ALL SELECT tenant::text, currency, -amount_minor FROM billing.refunds WHERE state <> 'voided'
         ) AS each GROUP BY 1, 2) d USING (tenant, currency)
     WHERE COALESCE(d.nanos, 0) <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
  [
    'refunds_not_account',
    `SELECT tenant || ' ' || currency AS subject, 'refunds on their way are ' || COALESCE(r.nanos, 0) || ' nanos, the account ' || COALESCE(a.nanos, 0) AS detail
     FROM (SELECT tenant, currency, -balance AS nanos FROM billing.accounts WHERE kind = 'refunding') a
       FULL JOIN (SELECT tenant::text AS tenant, currency, sum(amount_minor) * ${minor} AS nanos FROM billing.refunds WHERE state = 'requested' GROUP BY 1, 2) r USING (tenant, currency)
     WHERE COALESCE(r.nanos, 0) <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
  [
    'reserved_not_account',
    `SELECT code || ' ' || currency AS subject, 'pending reservations debit ' || COALESCE(r.debit, 0) || ' and credit ' || COALESCE(r.credit, 0) || ', the account has ' || COALESCE(a.debit, 0) || ' and ' || COALESCE(a.credit, 0) || ' reserved' AS detail
     FROM (SELECT code, currency, reserved_debit AS debit, reserved_credit AS credit FROM billing.accounts WHERE reserved_debit <> 0 OR reserved_credit <> 0) a
       FULL JOIN (SELECT code, currency, sum(debit) AS debit, sum(credit) AS credit FROM (
           SELECT l.leg ->> 'debit' AS code, r.currency, (l.leg ->> 'amountNanos')::numeric AS debit, 0::numeric AS credit FROM billing.reservations r CROSS JOIN LATERAL jsonb_array_elements(r.legs) AS l(leg) WHERE r.state = 'pending'
           UNION ALL SELECT l.leg ->> 'credit', r.currency, 0, (l.leg ->> 'amountNanos')::numeric FROM billing.reservations r CROSS JOIN LATERAL jsonb_array_elements(r.legs) AS l(leg) WHERE r.state = 'pending'
         ) AS legs GROUP BY 1, 2) r USING (code, currency)
     WHERE (COALESCE(r.debit, 0), COALESCE(r.credit, 0)) <> (COALESCE(a.debit, 0), COALESCE(a.credit, 0)) ORDER BY 1`,
  ],
];
