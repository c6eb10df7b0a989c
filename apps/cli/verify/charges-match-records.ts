import { counted } from './finding.js';
import type { Finding, Invariant } from './finding.js';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import { checkReceipts } from './receipts.js';
import type { Query } from './sources.js';

/** Rows named in an answer, per kind of problem. */
const namedMax = 200;

/**
 * Every ended record in the log has exactly one charge and every charge such a record; each charge is what its usage
 * costs under its price, stands in the ledger once, and work that was paid is covered by the node's own signature.
 */
export const chargesMatchRecords: Invariant = {
  name: 'charges-match-records',
  check: async ({ snapshot, streams }) => {
    const behind = (await streams?.behind('RECORDS', ['billing-records', 'governance-log'])) ?? [];
    return snapshot(async (query): Promise<Finding> => {
      const receipts = await checkReceipts(query);
      const [totals] = await query<{ charges: string }>('SELECT count(*) AS charges FROM billing.charges');
      const problems = [
        ...behind,
        ...(await unmatched(query)),
        ...(await mispriced(query)),
        ...(await misbooked(query)),
        ...(await unsigned(query)),
        ...receipts.problems,
      ];
      return { problems, looked: `${counted(BigInt(totals!.charges), 'charge')} and as many ended records, ${counted(receipts.count, 'receipt signature')}` };
    });
  },
};

async function unmatched(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string; logged: string | null; charged: string | null }>(
    `WITH ended AS (SELECT DISTINCT ON (id) id, type, tenant FROM governance.log_entries WHERE type IN ('completed', 'voided') ORDER BY id, index)
     SELECT COALESCE(e.id, c.record) AS record, e.type AS logged, c.record_type AS charged
     FROM ended e FULL JOIN billing.charges c ON c.record = e.id
     WHERE e.id IS NULL OR c.record IS NULL OR e.type <> c.record_type OR e.tenant IS DISTINCT FROM c.tenant ORDER BY 1 LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record, logged, charged }) => {
    if (logged === null) return unsettled(`charge ${record}`, `charge ${record} has no record in the log`);
    if (charged === null) return unsettled(`record ${record}`, `record ${record} (${logged}) has no charge`);
    return broken(`end ${record}`, logged === charged ? `the charge and the record of ${record} belong to different organisations` : `record ${record} is ${logged} in the log and ${charged} in the books`);
  });
}

/** Each line rounded half up, as the meter does; failed work costs nothing. */
async function mispriced(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string; amount: string; expected: string | null }>(
    `SELECT * FROM (
       SELECT c.record, c.amount_nanos AS amount, CASE WHEN c.outcome = 'failed' THEN 0
         ELSE div(c.input_tokens::numeric * p.input_nanos_per_million + 500000, 1000000) + div(c.output_tokens::numeric * p.output_nanos_per_million + 500000, 1000000) END AS expected
       FROM billing.charges c LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer) priced
     WHERE expected IS DISTINCT FROM amount AND NOT (expected IS NULL AND amount = 0) ORDER BY record LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record, amount, expected }) =>
    broken(`price ${record}`, expected === null ? `charge ${record} names a price version that its offer never had` : `charge ${record} is ${amount} nanos and its usage under its price is ${expected}`),
  );
}

async function misbooked(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string; charged: string | null; booked: string | null }>(
    `WITH booked AS (
       SELECT t.id, COALESCE(sum(p.amount) FILTER (WHERE a.kind = 'receivable'), 0) AS amount
       FROM billing.transfers t LEFT JOIN billing.postings p ON p.transfer = t.id LEFT JOIN billing.accounts a ON a.id = p.account
       WHERE t.code = 'charge' GROUP BY t.id)
     SELECT COALESCE(c.record, b.id) AS record, c.amount_nanos AS charged, b.amount AS booked FROM billing.charges c FULL JOIN booked b ON b.id = c.record
     WHERE c.record IS NULL OR b.id IS NULL OR c.amount_nanos <> b.amount ORDER BY 1 LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record, charged, booked }) => {
    if (charged === null) return broken(`booked ${record}`, `the ledger books ${booked} nanos for ${record}, of which there is no charge`);
    return broken(`booked ${record}`, booked === null ? `charge ${record} is not in the ledger` : `charge ${record} is ${charged} nanos and the ledger books ${booked}`);
  });
}

/** A gateway counts work as done only with the node's receipt in hand. */
async function unsigned(query: Query): Promise<Problem[]> {
  const rows = await query<{ record: string }>(
    `SELECT c.record FROM billing.charges c LEFT JOIN billing.receipts r ON r.record = c.record AND r.node = c.node AND r.state = 'matched'
     WHERE c.outcome = 'ok' AND r.record IS NULL ORDER BY c.record LIMIT $1`,
    [namedMax],
  );
  return rows.map(({ record }) => unsettled(`receipt ${record}`, `charge ${record} is covered by no receipt of its node`));
}
