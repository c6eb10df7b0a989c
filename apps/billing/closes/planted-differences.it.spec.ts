import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { closeDifferenceKinds } from '#protocol';
import type { CloseDifference, CompletedFacts } from '#protocol';
import { createDataSource } from '#service';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { Corrections } from '../corrections/corrections.service.js';
import { Credits } from '../credits/credits.service.js';
import { HoldbacksRpc } from '../holdbacks/holdbacks.rpc.js';
import { actor, fromMs, openBilledMarket, openInvoicing, toMs } from '../invoices/billed-market-harness.js';
import type { BilledMarket } from '../invoices/billed-market-harness.js';
import { InvoicePaymentsService } from '../invoices/invoice-payments.service.js';
import { InvoicesRpc } from '../invoices/invoices.rpc.js';
import { Refunds } from '../invoices/refunds.service.js';
import { JournalRpc } from '../journal/journal.rpc.js';
import type { Lease } from '../leases/leases.service.js';
import { SettlementService } from '../payables/settlement.service.js';
import { admittedFacts, completedFacts, joinNode, recordOf, signedBy } from '../records-harness.js';
import type { TestNode } from '../records-harness.js';
import { RoyaltiesService } from '../royalties/royalties.service.js';
import { ClosesService } from './closes.service.js';

type Kind = CloseDifference['kind'];
/** What somebody with the rights of the database changes, how it is undone, and what the next close must name. */
interface Plant {
  readonly source: 'ledger' | 'usage' | 'audit log' | 'receipts' | 'chain';
  readonly names: readonly Kind[];
  readonly do: () => Promise<unknown> | void;
  readonly undo: () => Promise<unknown> | void;
}

const inJanuaryMs = Date.parse('2026-01-15T12:00:00Z');
const owner = `0x${'ab'.repeat(20)}`;
/** Each is planted where its own documents are made: in the other spec of closes. */
const elsewhere: readonly Kind[] = ['drawn_not_statements', 'statement_not_ledger', 'settled_not_ledger', 'settled_not_chain', 'credit_not_chain', 'invoice_not_usage', 'tokens_not_reconciled', 'usage_without_buyer'];

describe('a close names what was changed in any one of the books, and nothing once it is undone', () => {
  let books: Books;
  let billed: BilledMarket;
  let lease: Lease;
  let node: TestNode;
  let facts: CompletedFacts;
  /** Of which there is nothing but its charge. */
  let plain: CompletedFacts;
  let invoice: string;

  const asOwner = async (...statements: [sql: string, parameters?: unknown[]][]): Promise<unknown[]> => {
    const source = await createDataSource(books.database.ownerUrl, 'billing').initialize();
    try {
      return await source.transaction(async (manager) => {
        await manager.query(`SELECT set_config('app.tenant', '*', true)`);
        const answers = [];
        for (const [sql, parameters] of statements) answers.push(await manager.query<unknown>(sql, parameters));
        return answers;
      });
    } finally {
      await source.destroy();
    }
  };
  /** One more, or less, in one column of the organisation's rows. */
  const by = (source: Plant['source'], names: readonly Kind[], table: string, column: string, where: string, amount = 1): Plant => {
    const change = (of: number) => asOwner([`UPDATE billing.${table} SET ${column} = ${column} + (${of}) WHERE ${where}`]);
    return { source, names, do: () => change(amount), undo: () => change(-amount) };
  };
  const use = async (tokens: number, of: TestNode, meters?: { images: number }): Promise<CompletedFacts> => {
    const admitted = admittedFacts(books.ids, billed.market, lease, of, { admittedAtMs: inJanuaryMs });
    const usage = { inputTokens: tokens, outputTokens: 0, ...(meters && { meters }) };
    const ended = completedFacts(admitted, of, tokens, { usage, receipt: signedBy(of, admitted, tokens, { usage }) });
    await billed.market.book(recordOf(admitted), recordOf(ended));
    books.outside.log(ended);
    return ended;
  };
  const named = async (): Promise<Kind[]> => [...new Set((await books.get(ClosesService).get((await books.get(ClosesService).run()).number)).named.map(({ kind }) => kind))].sort();

  beforeAll(async () => {
    books = await openBooks({ BILLING_CLOSE_PATIENCE_MS: '0', BILLING_INVOICE_RUN_MS: '86400000' });
    node = await joinNode(books, 10n ** 9n);
    await openInvoicing(books);
    billed = await openBilledMarket(books, node);
    const { market } = billed;
    const { tenant } = market;
    lease = await market.acquire('gateway-2', 10n ** 12n);
    facts = await use(3_000_000, node, { images: 2 });
    plain = await use(7_000, node);
    const kept = await joinNode(books, 10n ** 9n);
    await books.get(HoldbacksRpc).putRule({ actor, target: `node:${kept.id}`, basisPoints: 5_000, holdMs: 86_400_000 });
    await use(2_000, kept);
    await books.within((manager) => books.get(RoyaltiesService).note(manager, { record: facts.record, tenant, use: 'retrieval', shares: [{ dataset: 'd', owner, basisPoints: 2_500 }] }));
    await books.get(Credits).grant({ actor, tenant, id: books.ids.uuid(), name: 'start', amountNanos: 500n, validFromMs: toMs, expiresAtMs: Date.parse('2026-03-01') });
    const issued = await billed.issue([fromMs, toMs]);
    invoice = issued.id;
    await books.get(InvoicePaymentsService).pay(tenant, { id: books.ids.uuid(), invoice, amountMinor: issued.grossMinor, reference: 'SEPA', paidAtMs: toMs });
    await books.get(InvoicesRpc).credit({ tenant, id: books.ids.uuid(), invoice, reason: 'Wrong price', lines: [{ line: 1, netMinor: 100n }] });
    await books.get(Refunds).request({ actor, tenant, id: books.ids.uuid(), currency: 'USD', amountMinor: 40n, reason: 'asked for' });
    // Under the name of the request itself, which is also that of its charge's transfer.
    await books.get(Corrections).correct({ actor, tenant, id: facts.record, record: facts.record, usage: { inputTokens: 3_000_500, outputTokens: 0, meters: { images: 2 } }, reason: 'counted again' });
    const person = { keyId: books.ids.uuid(), tenant: null };
    for (const name of ['bank', 'loan']) await books.get(JournalRpc).putAccount({ actor: person, name, currency: 'USD', leastNanos: null, mostNanos: null });
    await books.get(JournalRpc).reserve({ actor: person, id: books.ids.uuid(), note: 'by hand', currency: 'USD', legs: [{ debit: 'operator:bank', credit: 'operator:loan', amountNanos: 70n }], expiresAtMs: books.clock.nowMs() + 86_400_000 });
    const at = { tx: `0x${'1'.repeat(64)}`, blockHash: `0x${'2'.repeat(64)}`, blockNumber: 1, logIndex: 0 };
    const payer = `0x${'3'.repeat(40)}`;
    await books.get(SettlementService).deposited({ tenant, payer, units: 500n, at });
    books.outside.payers = [{ tenant, address: payer, availableUnits: 500n, credits: [] }];
  });
  afterAll(() => books.close());

  it('whichever of the five sources it is in', async () => {
    const { market } = billed;
    const mine = `tenant = '${market.tenant}'`;
    const charge = `record = '${facts.record}'`;
    const lines = `transfer = '${facts.record}'`;
    const code = (from: string, to: string, where: string): Plant => ({
      source: 'ledger',
      names: from === 'charge' ? ['charge_without_transfer'] : ['transfer_without_charge'],
      do: () => asOwner([`UPDATE billing.transfers SET code = '${to}' WHERE ${where}`]),
      undo: () => asOwner([`UPDATE billing.transfers SET code = '${from}' WHERE ${where}`]),
    });
    let removed: unknown;
    const end = books.outside.ends.find(({ record }) => record === facts.record)!;
    const [payer] = books.outside.payers;
    const plants: Plant[] = [
      by('ledger', ['balance_not_postings', 'charge_not_transfer_amount', 'currency_not_zero'], 'postings', 'amount', `${lines} AND line = 0`),
      by('ledger', ['balance_not_postings'], 'accounts', 'postings', `code = 'receivable:${market.tenant}'`),
      code('charge', 'journal', `id = '${facts.record}'`),
      code('lease.grant', 'charge', `id = (SELECT id FROM billing.transfers WHERE ${mine} AND code IN ('lease.grant', 'charge') AND id NOT IN (SELECT record FROM billing.charges) ORDER BY id LIMIT 1)`),
      {
        source: 'ledger',
        names: ['charge_not_transfer_amount'],
        do: () => asOwner([`UPDATE billing.postings p SET amount = amount + CASE WHEN a.kind = 'receivable' THEN 1 ELSE -1 END FROM billing.accounts a WHERE a.id = p.account AND ${lines} AND a.kind IN ('receivable', 'budget.spent')`], [`UPDATE billing.accounts SET balance = balance + CASE WHEN kind = 'receivable' THEN 1 ELSE -1 END WHERE ${mine} AND kind IN ('receivable', 'budget.spent')`], [`UPDATE billing.budgets SET limit_nanos = limit_nanos - 1 WHERE ${mine}`]),
        undo: () => asOwner([`UPDATE billing.postings p SET amount = amount - CASE WHEN a.kind = 'receivable' THEN 1 ELSE -1 END FROM billing.accounts a WHERE a.id = p.account AND ${lines} AND a.kind IN ('receivable', 'budget.spent')`], [`UPDATE billing.accounts SET balance = balance - CASE WHEN kind = 'receivable' THEN 1 ELSE -1 END WHERE ${mine} AND kind IN ('receivable', 'budget.spent')`], [`UPDATE billing.budgets SET limit_nanos = limit_nanos + 1 WHERE ${mine}`]),
      },
      by('ledger', ['budget_not_accounts'], 'budgets', 'limit_nanos', mine),
      by('ledger', ['leases_not_account'], 'leases', 'remaining_nanos', `id = '${lease.lease}'`),
      by('ledger', ['held_not_account'], 'holdbacks', 'amount_nanos', mine),
      by('ledger', ['granted_not_account'], 'credits', 'used_nanos', mine),
      by('ledger', ['adjustment_not_ledger', 'usage_not_charges'], 'corrections', 'amount_nanos', mine),
      by('ledger', ['payables_not_charges', 'royalties_not_ledger'], 'royalties', 'amount_nanos', mine),
      by('ledger', ['invoices_not_account'], 'invoices', 'credited_minor', `id = '${invoice}'`, -1),
      by('ledger', ['invoices_not_account', 'payments_not_invoice'], 'invoices', 'paid_minor', `id = '${invoice}'`, -1),
      by('ledger', ['payments_not_invoice'], 'invoice_payments', 'amount_minor', mine, -1),
      by('ledger', ['credit_balance_not_account', 'invoices_not_account'], 'invoices', 'returned_minor', `id = '${invoice}'`),
      by('ledger', ['credit_balance_not_account', 'refunds_not_account'], 'refunds', 'amount_minor', mine),
      by('ledger', ['reserved_not_account'], 'accounts', 'reserved_debit', `code = 'operator:bank'`),
      { ...by('ledger', ['invoice_not_ledger', 'invoices_not_account'], 'invoices', 'gross_minor', `id = '${invoice}'`), do: () => ofInvoice(1), undo: () => ofInvoice(-1) },
      by('usage', ['usage_not_charges'], 'usage_hours', 'amount_nanos', mine),
      by('usage', ['usage_not_charges'], 'usage_hours', 'requests', mine),
      by('usage', ['usage_not_charges'], 'usage_hours', 'input_tokens', mine),
      by('usage', ['usage_not_charges'], 'usage_hours', 'output_tokens', mine),
      by('usage', ['usage_not_charges'], 'usage_meters', 'quantity', mine),
      by('receipts', ['receipt_not_charge'], 'receipts', 'output_tokens', charge),
      by('receipts', ['receipt_not_charge', 'usage_not_charges'], 'charges', 'output_tokens', charge),
      { source: 'receipts', names: ['receipt_missing'], do: () => asOwner([`UPDATE billing.receipts SET state = 'claim', reason = 'other_node' WHERE ${charge}`]), undo: () => asOwner([`UPDATE billing.receipts SET state = 'matched', reason = NULL WHERE ${charge}`]) },
      {
        source: 'audit log',
        names: ['charges_missing', 'invoice_not_usage', 'payables_not_charges', 'receipt_not_charge', 'transfer_without_charge', 'usage_not_charges'],
        do: async () => ([, [{ row: removed }]] = (await asOwner([`SELECT 1`], [`SELECT to_jsonb(c) AS row FROM billing.charges c WHERE record = $1`, [plain.record]], [`DELETE FROM billing.charges WHERE record = $1`, [plain.record]])) as [unknown, [{ row: unknown }]]),
        undo: () => asOwner([`INSERT INTO billing.charges SELECT * FROM jsonb_populate_record(NULL::billing.charges, $1)`, [JSON.stringify(removed)]]),
      },
      { source: 'audit log', names: ['record_without_charge'], do: () => void books.outside.ends.push({ ...end, index: books.outside.ends.length, record: books.ids.uuid() }), undo: () => lost() },
      { source: 'chain', names: ['deposit_not_chain'], do: () => void (books.outside.payers = [{ ...payer!, availableUnits: 499n }]), undo: () => void (books.outside.payers = [payer!]) },
      { source: 'chain', names: ['chain_unchecked'], do: () => void (books.outside.chainDown = true), undo: () => void (books.outside.chainDown = false) },
    ];
    /** What was logged and never charged is charged after all. */
    const lost = async (): Promise<void> => {
      const { record } = books.outside.ends.at(-1)!;
      await billed.market.book(recordOf({ ...facts, record, receipt: null, outcome: 'failed' }));
    };
    const ofInvoice = (amount: number) => asOwner(['ALTER TABLE billing.invoices DISABLE TRIGGER USER'], [`UPDATE billing.invoices SET gross_minor = gross_minor + (${amount}) WHERE id = '${invoice}'`], ['ALTER TABLE billing.invoices ENABLE TRIGGER USER']);
    expect(await named()).toEqual([]);
    for (const plant of plants) {
      await plant.do();
      expect([plant.source, plant.names, await named()]).toEqual([plant.source, plant.names, plant.names]);
      await plant.undo();
      expect([plant.source, plant.names, await named()]).toEqual([plant.source, plant.names, []]);
    }
    expect(new Set(plants.map(({ source }) => source)).size).toBe(5);
    // Once a charge's end is read it is not read again: those two are of ends that are new.
    const fresh: readonly Kind[] = ['charge_not_record', 'charge_without_record'];
    const other = await use(5, node);
    books.outside.ends.at(-1)!.chargeNanos = 1n;
    expect(await named()).toEqual(['charge_not_record']);
    const unlogged = await use(6, node);
    const [hidden] = books.outside.ends.splice(books.outside.ends.findIndex(({ record }) => record === unlogged.record), 1);
    expect(await named()).toEqual(['charge_without_record']);
    books.outside.ends.push(hidden!);
    expect([other.record === unlogged.record, await named()]).toEqual([false, []]);
    expect([...new Set([...plants.flatMap(({ names }) => names), ...fresh, ...elsewhere])].sort()).toEqual([...closeDifferenceKinds].sort());
  });
});
