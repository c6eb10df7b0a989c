import type { Finding, Invariant } from './finding.js';
import { broken } from './problem.js';
import type { Problem } from './problem.js';
import type { Query } from './sources.js';

/** Rows named in an answer, per kind of problem. */
const namedMax = 20;

/** The books sum to zero in every currency; so does each transfer, which still says what it said when it was posted. */
export const ledgerSumsToZero: Invariant = {
  name: 'ledger-sums-to-zero',
  check: ({ snapshot }) =>
    snapshot(async (query): Promise<Finding> => {
      const sums = await query<{ currency: string; sum: string; postings: string }>('SELECT currency, sum(amount) AS sum, count(*) AS postings FROM billing.postings GROUP BY currency ORDER BY currency');
      const problems = [
        ...sums.filter(({ sum }) => sum !== '0').map(({ currency, sum }) => broken(`sum ${currency}`, `all postings in ${currency} sum to ${sum}`)),
        ...(await unbalancedTransfers(query)),
        ...(await changedTransfers(query)),
        ...(await strayPostings(query)),
        ...(await wrongBalances(query)),
        ...(await wrongBudgets(query)),
      ];
      return { problems, looked: sums.length === 0 ? 'no postings yet' : sums.map(({ currency, postings }) => `${postings} postings in ${currency}`).join(', ') };
    }),
};

async function unbalancedTransfers(query: Query): Promise<Problem[]> {
  const rows = await query<{ transfer: string; currency: string; sum: string }>(
    'SELECT transfer, currency, sum(amount) AS sum FROM billing.postings GROUP BY transfer, currency HAVING sum(amount) <> 0 ORDER BY transfer LIMIT $1',
    [namedMax],
  );
  return rows.map(({ transfer, currency, sum }) => broken(`transfer ${transfer}`, `transfer ${transfer} sums to ${sum} ${currency}`));
}

/** A transfer keeps the hash of its code, tenant and lines; changing both sides of it alike does not change the sums. */
async function changedTransfers(query: Query): Promise<Problem[]> {
  const rows = await query<{ id: string; code: string }>(
    `SELECT t.id, t.code FROM billing.transfers t
     LEFT JOIN (SELECT p.transfer, string_agg(p.currency || ' ' || a.code || ' ' || p.amount, E'\\n' ORDER BY (p.currency || ' ' || a.code || ' ' || p.amount) COLLATE "C") AS lines
                FROM billing.postings p JOIN billing.accounts a ON a.id = p.account GROUP BY p.transfer) l ON l.transfer = t.id
     WHERE t.input_hash <> encode(sha256(convert_to(concat_ws(E'\\n', t.code, t.tenant, l.lines), 'UTF8')), 'hex') ORDER BY t.id LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ id, code }) => broken(`content ${id}`, `the postings of transfer ${id} (${code}) are not those it was posted with`));
}

async function strayPostings(query: Query): Promise<Problem[]> {
  const rows = await query<{ transfer: string; line: number }>(
    `SELECT p.transfer, p.line FROM billing.postings p
     LEFT JOIN billing.transfers t ON t.id = p.transfer
     LEFT JOIN billing.accounts a ON a.id = p.account AND a.currency = p.currency
     WHERE t.id IS NULL OR a.id IS NULL ORDER BY p.transfer, p.line LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ transfer, line }) => broken(`posting ${transfer} ${line}`, `posting ${line} of ${transfer} has no transfer, or no account of its currency`));
}

async function wrongBalances(query: Query): Promise<Problem[]> {
  const rows = await query<{ code: string; currency: string; balance: string; sum: string }>(
    `SELECT a.code, a.currency, a.balance, COALESCE(p.sum, 0) AS sum FROM billing.accounts a
     LEFT JOIN (SELECT account, sum(amount) AS sum FROM billing.postings GROUP BY account) p ON p.account = a.id
     WHERE a.balance <> COALESCE(p.sum, 0) ORDER BY a.code LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ code, currency, balance, sum }) => broken(`balance ${code} ${currency}`, `account ${code} says ${balance} ${currency} and its postings sum to ${sum}`));
}

/** Limit = available + leased + spent, where the limit is the credit side. */
async function wrongBudgets(query: Query): Promise<Problem[]> {
  const rows = await query<{ id: string; rest: string; limit: string; booked: string }>(
    `SELECT b.id, COALESCE(s.rest, 0) AS rest, b.limit_nanos AS limit, COALESCE(s.booked, 0) AS booked FROM billing.budgets b
     LEFT JOIN (SELECT split_part(code, ':', 2) AS budget, sum(balance) AS rest, -sum(balance) FILTER (WHERE kind = 'budget.limit') AS booked
                FROM billing.accounts WHERE kind LIKE 'budget.%' GROUP BY 1) s ON s.budget = b.id::text
     WHERE COALESCE(s.rest, 0) <> 0 OR COALESCE(s.booked, 0) <> b.limit_nanos ORDER BY b.id LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ id, rest, limit, booked }) =>
    broken(`budget ${id}`, rest === '0' ? `budget ${id} has a limit of ${limit} nanos and ${booked} in the books` : `budget ${id}: available, leased and spent differ from its limit by ${rest} nanos`),
  );
}

