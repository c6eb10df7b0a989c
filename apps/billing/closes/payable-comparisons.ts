import type { Comparison } from './comparison.js';

const ofPayee = `split_part(a.code, ':', 3)`;

/** What is owed to each payee against the charges and shares that it is from, and against the statements that it left by. An account of a machine counts to its payee. */
export const payableComparisons: readonly Comparison[] = [
  [
    'payables_not_charges',
    `SELECT tenant || ' ' || payee AS subject, 'charges and shares of them earned ' || earned || ' nanos; owed, held, drawn and settled are ' || owed AS detail
     FROM (SELECT tenant, payee, sum(earned) AS earned, sum(owed) AS owed FROM (
         SELECT c.tenant::text AS tenant, COALESCE(n.payout_address, c.node::text) AS payee, COALESCE(c.earned_nanos, c.amount_nanos)::numeric AS earned, 0::numeric AS owed FROM billing.charges c LEFT JOIN billing.nodes n ON n.id = c.node
         UNION ALL SELECT tenant::text, owner, amount_nanos, 0 FROM billing.royalties
         UNION ALL SELECT tenant::text, lower(payer), -amount_nanos, 0 FROM billing.royalties
         UNION ALL SELECT a.tenant, ${ofPayee}, 0, -a.balance FROM billing.accounts a WHERE a.kind IN ('payable', 'drawn')
         UNION ALL SELECT a.tenant, COALESCE(n.payout_address, ${ofPayee}), 0, -a.balance FROM billing.accounts a LEFT JOIN billing.nodes n ON n.id::text = ${ofPayee} WHERE a.kind IN ('unassigned', 'held')
         UNION ALL SELECT h.tenant::text, COALESCE(n.payout_address, h.node::text), 0, h.forfeited_nanos FROM billing.holdbacks h LEFT JOIN billing.nodes n ON n.id = h.node WHERE h.state = 'forfeited'
         UNION ALL SELECT a.tenant, ${ofPayee}, 0, p.amount FROM billing.postings p JOIN billing.transfers t ON t.id = p.transfer AND t.code = 'epoch.settle' JOIN billing.accounts a ON a.id = p.account AND a.kind = 'drawn'
       ) AS each GROUP BY tenant, payee) AS sums
     WHERE earned <> owed ORDER BY 1`,
  ],
  [
    'royalties_not_ledger',
    `SELECT tenant || ' ' || payee AS subject, 'shares of charges come to ' || COALESCE(r.nanos, 0) || ' nanos, the ledger moved ' || COALESCE(p.nanos, 0) AS detail
     FROM (SELECT tenant, payee, sum(nanos) AS nanos FROM (
         SELECT tenant::text AS tenant, owner AS payee, amount_nanos::numeric AS nanos FROM billing.royalties UNION ALL SELECT tenant::text, lower(payer), -amount_nanos FROM billing.royalties
       ) AS each GROUP BY 1, 2) r
       FULL JOIN (SELECT a.tenant, ${ofPayee} AS payee, -sum(p.amount) AS nanos FROM billing.transfers t JOIN billing.postings p ON p.transfer = t.id JOIN billing.accounts a ON a.id = p.account WHERE t.code = 'royalty.split' GROUP BY 1, 2) p USING (tenant, payee)
     WHERE COALESCE(r.nanos, 0) <> COALESCE(p.nanos, 0) ORDER BY 1`,
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
