import { withClient } from '#local';
import type { Books } from '../../../apps/billing/books-harness.js';
import { testTenant } from '../../../apps/billing/books-harness.js';
import { ClosesService } from '../../../apps/billing/closes/closes.service.js';
import { bank, frankfurt } from '../../../apps/billing/invoices-harness.js';
import { InvoiceRun } from '../../../apps/billing/invoices/invoice-run.service.js';
import { PartiesRpc } from '../../../apps/billing/invoices/parties.rpc.js';
import { accountId, payable, receivable } from '../../../apps/billing/ledger/chart-of-accounts.js';
import { LedgerStore } from '../../../apps/billing/ledger/ledger.store.js';
import { joinNode } from '../../../apps/billing/records-harness.js';

const monthMs = Date.UTC(2026, 0);
const nextMs = Date.UTC(2026, 1);
/** Nanos per 10⁶ tokens: a thousand a token. */
const price = 10n ** 9n;
const sampleMs = 50;

export interface MonthClose {
  readonly seconds: number;
  /** The most that the process held, Jest and its own modules included. */
  readonly rssMiB: number;
  /** What it held before. */
  readonly rssBeforeMiB: number;
  readonly invoices: number;
  /** Charges that are in an invoice. */
  readonly invoiced: number;
  /** What tenants still owe by usage: nothing, it is all invoiced. */
  readonly leftNanos: bigint;
}

/** Usage of January in the books as they keep it, then everybody's draft, issue, PDF, UBL and log entry. */
export async function closeMonth(books: Books, events: number, organisations: number): Promise<MonthClose> {
  // The grace of drafts is over; the day is closed while there is nothing, so that nobody closes it meanwhile.
  books.clock.advance(Date.UTC(2026, 1, 10) - books.clock.nowMs());
  await books.get(ClosesService).run();
  const node = await joinNode(books, price);
  const entries = Array.from({ length: organisations }, () => testTenant(books.ids).entry);
  entries.forEach((entry, index) => books.tenants.apply(entry.tenant, entry, index + 1));
  const actor = { keyId: null, tenant: null };
  const seller = books.ids.uuid();
  const parties = books.get(PartiesRpc);
  await parties.putSeller({ actor, id: seller, seller: frankfurt });
  await parties.putRate({ actor, rate: { currency: 'EUR', nanosPerUsd: 900_000_000n, validFromMs: 0, source: 'ECB' } });
  for (const { tenant } of entries) await parties.putBuyer({ actor, tenant, seller, buyer: bank });
  await books.within((manager) => books.get(LedgerStore).lock(manager, entries.flatMap(({ tenant }) => [receivable(tenant), payable(tenant, node.payee)])));
  const given = [events, entries.map(({ tenant }) => tenant), organisations];
  const [receivables, payables] = [entries.map(({ tenant }) => accountId(receivable(tenant))), entries.map(({ tenant }) => accountId(payable(tenant, node.payee)))];
  await withClient(books.database.adminUrl, async (client) => {
    await client.query(`SET session_replication_role = 'replica'`);
    await client.query(usage('billing.charges', `record, tenant, project, budget, lease, node, offer, price_version, outcome, usage_source, input_tokens, output_tokens, amount_nanos, record_type, closed_by, input_hash, charged_at_ms`,
      `$4::uuid, $5::uuid, $6::uuid, 'ok', 'engine', 100 + g % 1000, 0, (100 + g % 1000) * 1000, 'completed', 'gateway', '', ${monthMs} + g::bigint * 2000 % ${nextMs - monthMs}`), [...given, node.id, node.offer, node.price.version]);
    await client.query(usage('billing.admissions', 'record, tenant, project, budget, lease, node, offer, price_version, model, endpoint, state', `$4::uuid, $5::uuid, $6::uuid, 'm', 'embeddings', 'completed'`), [...given, node.id, node.offer, node.price.version]);
    await client.query(`INSERT INTO billing.transfers (id, code, tenant, input_hash, lines) SELECT ${record}, 'charge', ($2::text[])[1 + g % $3::int], '', 2 FROM generate_series(1, $1::int) g`, given);
    await client.query(
      `INSERT INTO billing.postings (transfer, line, account, currency, tenant, amount) SELECT ${record}, l, CASE l WHEN 0 THEN ($4::uuid[])[1 + g % $3::int] ELSE ($5::uuid[])[1 + g % $3::int] END, 'USD', ($2::text[])[1 + g % $3::int],
         (1 - 2 * l) * (100 + g % 1000) * 1000 FROM generate_series(1, $1::int) g, generate_series(0, 1) l`,
      [...given, receivables, payables],
    );
    await client.query(`UPDATE billing.accounts a SET balance = p.amount, postings = p.postings FROM (SELECT account, sum(amount) AS amount, count(*) AS postings FROM billing.postings GROUP BY account) p WHERE p.account = a.id AND a.balance <> p.amount`);
    await client.query('VACUUM ANALYZE');
  });
  const rssBefore = process.memoryUsage.rss();
  let rss = rssBefore;
  const sampler = setInterval(() => (rss = Math.max(rss, process.memoryUsage.rss())), sampleMs);
  const started = performance.now();
  await books.get(InvoiceRun).runOnce();
  const seconds = (performance.now() - started) / 1_000;
  clearInterval(sampler);
  const [row] = await books.within((manager) =>
    manager.query<{ invoices: string; invoiced: string; left: string }[]>(
      `SELECT (SELECT count(*) FROM billing.invoices WHERE number IS NOT NULL) AS invoices, (SELECT count(*) FROM billing.invoiced_charges) AS invoiced, (SELECT COALESCE(sum(abs(balance)), 0) FROM billing.accounts WHERE kind = 'receivable') AS left`,
    ),
  );
  return { seconds, rssMiB: rss / 2 ** 20, rssBeforeMiB: rssBefore / 2 ** 20, invoices: Number(row!.invoices), invoiced: Number(row!.invoiced), leftNanos: BigInt(row!.left) };
}

/** Of event `g`; ids as the clock makes them would be as close together. */
const record = `('00000000-0000-7000-9000-' || lpad(to_hex(g), 12, '0'))::uuid`;
/** One row an event; tenant, project, budget and lease are ids alone. */
const usage = (table: string, columns: string, values: string): string =>
  `INSERT INTO ${table} (${columns}) SELECT ${record}, t, t, t, t, ${values} FROM (SELECT g, ($2::uuid[])[1 + g % $3::int] AS t FROM generate_series(1, $1::int) g) e`;
