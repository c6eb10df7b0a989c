import type { Comparison } from './comparison.js';

const ofPayee = `split_part(a.code, ':', 3)`;

/** What is owed to payees against the charges that it is from, and against the statements that it left by. */
export const payableComparisons: readonly Comparison[] = [
  [
    'payables_not_charges',
    `SELECT tenant AS subject, 'charges earned ' || earned || ' nanos; owed, held, drawn and settled are ' || owed AS detail
     FROM (SELECT tenant, sum(earned) AS earned, sum(owed) AS owed FROM (
         SELECT tenant::text AS tenant, COALESCE(earned_nanos, amount_nanos)::numeric AS earned, 0::numeric AS owed FROM billing.charges
         UNION ALL SELECT tenant, 0, -balance FROM billing.accounts WHERE kind IN ('payable', 'unassigned', 'held', 'drawn')
         UNION ALL SELECT tenant::text, 0, forfeited_nanos FROM billing.holdbacks WHERE state = 'forfeited'
         UNION ALL SELECT a.tenant, 0, p.amount FROM billing.postings p JOIN billing.transfers t ON t.id = p.transfer AND t.code = 'epoch.settle' JOIN billing.accounts a ON a.id = p.account AND a.kind = 'drawn'
       ) AS each GROUP BY tenant) AS sums
     WHERE earned <> owed ORDER BY 1`,
  ],
  [
    'statement_not_ledger',
    `SELECT s.id AS subject, 'statement of ' || COALESCE(l.nanos, 0) || ' nanos, drawn are ' || COALESCE(p.nanos, 0) AS detail
     FROM billing.statements s LEFT JOIN (SELECT statement, sum(nanos) AS nanos FROM billing.statement_lines GROUP BY 1) l ON l.statement = s.id
       LEFT JOIN (SELECT p.transfer, -sum(p.amount) AS nanos FROM billing.postings p JOIN billing.accounts a ON a.id = p.account AND a.kind = 'drawn' GROUP BY 1) p ON p.transfer = s.id
     WHERE COALESCE(l.nanos, 0) <> COALESCE(p.nanos, 0) ORDER BY 1`,
  ],
  [
    'statement_not_ledger',
    `SELECT s.id AS subject, 'a total of ' || s.total_units || ' units, its lines come to ' || COALESCE(l.units, 0) AS detail
     FROM billing.statements s LEFT JOIN (SELECT statement, sum(units) AS units FROM billing.statement_lines GROUP BY 1) l ON l.statement = s.id WHERE s.total_units <> COALESCE(l.units, 0) ORDER BY 1`,
  ],
  [
    'settled_not_ledger',
    `SELECT tenant || ' ' || payee AS subject, 'settled statements say ' || COALESCE(s.units, 0) || ' units, credited are ' || COALESCE(p.units, 0) AS detail
     FROM (SELECT l.tenant::text AS tenant, l.payee, sum(l.units) AS units FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement WHERE s.state = 'settled' GROUP BY 1, 2) s
       FULL JOIN (SELECT a.tenant, ${ofPayee} AS payee, -sum(p.amount) AS units FROM billing.postings p JOIN billing.transfers t ON t.id = p.transfer AND t.code = 'epoch.settle' JOIN billing.accounts a ON a.id = p.account AND a.kind = 'credited' GROUP BY 1, 2) p USING (tenant, payee)
     WHERE COALESCE(s.units, 0) <> COALESCE(p.units, 0) ORDER BY 1`,
  ],
];
