import { meterLines } from '#kernel';
import type { MeterQuantities } from '#kernel';
import { counted } from './finding.js';
import type { Finding, Invariant } from './finding.js';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import { checkReceipts } from './receipts.js';
import type { Query } from './sources.js';

/** Rows named in an answer, per kind of problem. */
const namedMax = 200;
/** Charges reckoned at a time, and what is before every record. */
const pricedPerPage = 20_000;
const noRecord = '00000000-0000-0000-0000-000000000000';

type PricedRow = Record<'record' | 'outcome' | 'usage_source' | 'input_tokens' | 'output_tokens' | 'amount', string> & Record<'input_nanos_per_million' | 'output_nanos_per_million' | 'request_nanos', string | null> & {
  readonly meters: MeterQuantities | null;
  readonly prices: Readonly<Record<string, string>> | null;
};

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

/** Each line rounded half up, as the meter does; failed work costs nothing. What is more than tokens at a price is reckoned here, by the function that gateways charge with. */
async function mispriced(query: Query): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (let after = noRecord; problems.length < namedMax; ) {
    const rows = await query<PricedRow>(
      `SELECT * FROM (
         SELECT c.record, c.outcome, c.usage_source, c.input_tokens, c.output_tokens, c.meters, p.input_nanos_per_million, p.output_nanos_per_million, p.request_nanos, p.meters AS prices, c.amount_nanos AS amount, CASE WHEN c.outcome = 'failed' THEN 0
           ELSE div(c.input_tokens::numeric * p.input_nanos_per_million + 500000, 1000000) + div(c.output_tokens::numeric * p.output_nanos_per_million + 500000, 1000000) END AS tokens_nanos
         FROM billing.charges c LEFT JOIN billing.prices p ON p.version = c.price_version AND p.offer = c.offer WHERE c.record > $2) priced
       WHERE tokens_nanos IS DISTINCT FROM amount OR request_nanos IS NOT NULL OR prices IS NOT NULL ORDER BY record LIMIT $1`,
      [pricedPerPage, after],
    );
    problems.push(...rows.flatMap(mispricedCharge));
    if (rows.length < pricedPerPage) break;
    after = rows.at(-1)!.record;
  }
  return problems.slice(0, namedMax);
}

function mispricedCharge(row: PricedRow): Problem[] {
  const { record, amount } = row;
  const expected = expectedOf(row);
  if (expected === amount || (expected === null && amount === '0')) return [];
  return [broken(`price ${record}`, expected === null ? `charge ${record} names a price version that its offer never had` : `charge ${record} is ${amount} nanos and its usage under its price is ${expected}`)];
}

/** In nanos; null without such a price. */
function expectedOf(row: PricedRow): string | null {
  if (row.outcome === 'failed') return '0';
  if (row.input_nanos_per_million === null || row.output_nanos_per_million === null) return null;
  const lines = meterLines(
    { inputTokens: Number(row.input_tokens), outputTokens: Number(row.output_tokens), meters: row.meters ?? {} },
    {
      ...{ inputNanosPerMillion: BigInt(row.input_nanos_per_million), outputNanosPerMillion: BigInt(row.output_nanos_per_million) },
      // Where nothing was produced, nothing is charged for the request either.
      ...(row.request_nanos !== null && row.usage_source !== 'none' && { requestNanos: BigInt(row.request_nanos) }),
      meters: Object.fromEntries(Object.entries(row.prices ?? {}).map(([meter, nanos]) => [meter, BigInt(nanos)])),
    },
  );
  return lines.reduce((sum, { amountNanos }) => sum + amountNanos, 0n).toString();
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
