import { openReceipt } from '#protocol';
import type { ReceiptBody } from '#protocol';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import type { Query } from './sources.js';

const receiptsPerPage = 1_000;
/** Receipts named in an answer. */
const namedMax = 50;

interface ReceiptRow {
  record: string;
  node: string;
  digest: string;
  offer: string;
  bytes: string;
  signature: string;
  model: string;
  endpoint: string;
  request_hash: string;
  response_hash: string;
  input_tokens: string;
  output_tokens: string;
  state: 'unverified' | 'claim' | 'matched';
  public_key: string | null;
  charge_node: string | null;
  charge_offer: string | null;
  charge_response: string | null;
  charge_input: string | null;
  charge_output: string | null;
  admitted_request: string | null;
}

/** Checks every stored receipt against its node's key, its own bytes and, where it covers a charge, that charge. */
export async function checkReceipts(query: Query): Promise<{ count: number; problems: Problem[] }> {
  const problems: Problem[] = [];
  let count = 0;
  let after: readonly [string, string, string] | undefined;
  for (;;) {
    const rows = await page(query, after);
    for (const row of rows) {
      const problem = problemOf(row);
      if (problem && problems.length < namedMax) problems.push(problem);
    }
    count += rows.length;
    const last = rows.at(-1);
    if (rows.length < receiptsPerPage || !last) return { count, problems };
    after = [last.record, last.node, last.digest];
  }
}

function page(query: Query, after: readonly [string, string, string] | undefined): Promise<ReceiptRow[]> {
  return query<ReceiptRow>(
    `SELECT r.record, r.node, r.digest, r.offer, r.bytes, r.signature, r.model, r.endpoint, r.request_hash, r.response_hash, r.input_tokens, r.output_tokens, r.state,
       COALESCE(s.public_key, n.public_key) AS public_key, c.node AS charge_node, c.offer AS charge_offer, c.response_hash AS charge_response,
       c.input_tokens AS charge_input, c.output_tokens AS charge_output, a.request_hash AS admitted_request
     FROM billing.receipts r
     LEFT JOIN scheduler.nodes s ON s.id = r.node
     LEFT JOIN billing.nodes n ON n.id = r.node
     LEFT JOIN billing.charges c ON c.record = r.record
     LEFT JOIN billing.admissions a ON a.record = r.record
     WHERE $1::uuid IS NULL OR (r.record, r.node, r.digest) > ($1::uuid, $2::uuid, $3) ORDER BY r.record, r.node, r.digest LIMIT $4`,
    [after?.[0] ?? null, after?.[1] ?? null, after?.[2] ?? null, receiptsPerPage],
  );
}

/** What is wrong with one receipt; a receipt that covers nothing may say what it likes, if only its node said it. */
function problemOf(row: ReceiptRow): Problem | undefined {
  const name = `the receipt of ${row.record} by node ${row.node}`;
  const wrong = (message: string): Problem => broken(`receipt ${row.record} ${row.node}`, message);
  if (row.public_key === null) return row.state === 'matched' ? wrong(`${name} covers a charge and the node has no key`) : undefined;
  const body = openReceipt({ bytes: row.bytes, signature: row.signature }, row.public_key);
  if (!body) return row.state === 'unverified' ? undefined : wrong(`${name} is not signed by that node`);
  if (row.state === 'unverified') return unsettled(`unverified ${row.record} ${row.node}`, `${name} was never verified`);
  const differing = differences(row, body);
  if (differing.length > 0) return wrong(`${name} says something else than its row: ${differing.join(', ')}`);
  return row.state === 'matched' && !covers(row) ? wrong(`${name} does not say what its charge says`) : undefined;
}

function differences(row: ReceiptRow, body: ReceiptBody): string[] {
  const stored: Record<string, unknown> = {
    record: row.record,
    node: row.node,
    offer: row.offer,
    model: row.model,
    endpoint: row.endpoint,
    requestHash: row.request_hash,
    responseHash: row.response_hash,
  };
  const names = Object.keys(stored).filter((name) => stored[name] !== body[name as keyof ReceiptBody]);
  const usageAgrees = row.input_tokens === String(body.usage.inputTokens) && row.output_tokens === String(body.usage.outputTokens);
  return usageAgrees ? names : [...names, 'usage'];
}

function covers(row: ReceiptRow): boolean {
  return (
    row.charge_node === row.node &&
    row.charge_offer === row.offer &&
    row.charge_input === row.input_tokens &&
    row.charge_output === row.output_tokens &&
    (row.charge_response === null || row.charge_response === row.response_hash) &&
    (row.admitted_request === null || row.admitted_request === row.request_hash)
  );
}
