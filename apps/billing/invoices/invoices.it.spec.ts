import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { withClient } from '#local';
import type { LogRecord } from '#protocol';
import { exchangeRate, invoiceCalls, openRecordBody } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { receivable } from '../ledger/chart-of-accounts.js';
import { PayablesService } from '../payables/payables.service.js';
import { SettlementService } from '../payables/settlement.service.js';
import { joinNode, logged } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { actor, fromMs, openBilledMarket, openInvoicing, toMs } from './billed-market-harness.js';
import type { BilledMarket } from './billed-market-harness.js';
import { brokenRules } from './en16931-rules-harness.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { ChainPayments } from './chain-payments.service.js';
import { InvoicePaymentsService } from './invoice-payments.service.js';
import { InvoiceRun } from './invoice-run.service.js';
import { InvoicesRpc } from './invoices.rpc.js';
import { InvoicesService } from './invoices.service.js';
import { PartiesRpc } from './parties.rpc.js';

const dayMs = 86_400_000;

describe('invoices', () => {
  let books: Books;
  let node: TestNode;
  let billed: BilledMarket;
  let market: Market;
  let seller: string;

  const buy: BilledMarket['buy'] = (...given) => billed.buy(...given);
  const use: BilledMarket['use'] = (...given) => billed.use(...given);
  const draft: BilledMarket['draft'] = (...given) => billed.draft(...given);
  const issue: BilledMarket['issue'] = (...given) => billed.issue(...given);
  const balance: BilledMarket['balance'] = (...given) => billed.balance(...given);
  const get: BilledMarket['get'] = (...given) => billed.get(...given);
  const open = async (): Promise<void> => {
    billed = await openBilledMarket(books, node);
    ({ market, seller } = billed);
  };

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books, 10n ** 9n);
    await openInvoicing(books);
  });
  beforeEach(open);
  afterAll(() => books.close());

  it.each(['DE987654321', 'FR32123456789', 'X123'])('are not made out to a buyer in Germany with the VAT number %s', async (vatId) => {
    await expect(buy({ country: 'DE', vatId })).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'vatId' } });
  });

  it('bill each charge once, tie to the ledger to the nano, and put what rounding made on its own account', async () => {
    await use(1_234_567);
    await use(3);
    const roundingBefore = await balance('rounding');
    expect(await balance(receivable(market.tenant).code)).toBe(1_234_570_000n);
    const invoice = await issue();
    expect(invoice).toMatchObject({ state: 'issued', netMinor: 123n, taxMinor: 0n, grossMinor: 123n });
    expect([await balance(receivable(market.tenant).code), await balance(`invoiced:${market.tenant}`), (await balance('rounding')) - roundingBefore]).toEqual([0n, 1_230_000_000n, 4_570_000n]);
    expect((await get(invoice.id)).document).toMatchObject({ usageNanos: 1_234_570_000n, number: invoice.number, tax: [{ category: 'O' }] });
    expect(await books.faults()).toEqual([]);
  });

  it('with VAT and in euros post both currencies and the tax, at a rate that is told with its source', async () => {
    await buy({ currency: 'EUR', country: 'DE', vatId: 'DE987654328' });
    await use(10_000_000);
    const invoice = await issue();
    expect(invoice).toMatchObject({ currency: 'EUR', netMinor: 900n, taxMinor: 171n, grossMinor: 1_071n });
    expect([await balance(receivable(market.tenant).code), await balance(`invoiced:${market.tenant}`, 'EUR'), await balance(`tax:${seller}`, 'EUR')]).toEqual([0n, 10_710_000_000n, -1_710_000_000n]);
    expect((await get(invoice.id)).document.rate).toMatchObject({ nanosPerUsd: 900_000_000n, source: 'ECB' });
    expect(await books.faults()).toEqual([]);
  });

  it('are numbered without a gap, also when many are issued at once and some fail', async () => {
    const markets: Market[] = [];
    for (let index = 0; index < 8; index += 1) {
      const one = await openBilledMarket(books, node, seller);
      if (index !== 3) await one.use(5_000_000);
      markets.push(one.market);
    }
    const issued = await Promise.allSettled(markets.flatMap(({ tenant }) => [1, 2].map(async () => books.get(InvoicesService).issue(tenant, (await books.get(InvoicesService).draft(tenant, fromMs, toMs)).id))));
    expect(issued.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    const numbers = issued.flatMap((one) => (one.status === 'fulfilled' ? [one.value.number!] : []));
    expect([...new Set(numbers)].map((number) => Number(number.slice(-5))).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(numbers).toHaveLength(14);
    expect(await books.faults()).toEqual([]);
  });

  it('leave no gap where the database drops whoever issues, after the number was given', async () => {
    await use(5_000_000);
    const { id } = await draft();
    await withClient(books.database.adminUrl, async (client) => {
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM billing.accounts WHERE code = $1 FOR UPDATE', [receivable(market.tenant).code]);
      const issuing = books.get(InvoicesService).issue(market.tenant, id).then(() => 'issued', (error: unknown) => (error as { code?: string }).code);
      const waiting = await books.database.waiting();
      // Another one of the same seller waits for the number's row, and has it next.
      const other = await openBilledMarket(books, node, seller);
      await other.use(4_000_000);
      const next = other.issue();
      await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [waiting]);
      expect([await issuing, (await next).number!.slice(-5)]).toEqual(['DATABASE_UNAVAILABLE', '00001']);
      await client.query('ROLLBACK');
    });
    expect((await get(id)).invoice).toMatchObject({ state: 'draft', number: null });
    expect((await books.get(InvoicesService).issue(market.tenant, id)).number!.slice(-5)).toBe('00002');
    expect(await books.faults()).toEqual([]);
  });

  it('once issued never change: what comes late is a line of the next one, and the database itself refuses', async () => {
    await use(1_000_000);
    const january = await issue();
    const before = await get(january.id);
    await use(2_000_000);
    await use(4_000_000, Date.parse('2026-02-02'));
    const february = await books.get(InvoicesService).draft(market.tenant, toMs, Date.parse('2026-02-03'));
    const { document } = await get((await books.get(InvoicesService).issue(market.tenant, february.id)).id);
    expect(document.lines.map(({ netMinor, detail }) => [netMinor, detail.includes('late usage of 2026-01')])).toEqual([[400n, false], [200n, true]]);
    expect(await get(january.id)).toEqual(before);
    await expect(books.within((manager) => manager.query('UPDATE billing.invoices SET net_minor = 1 WHERE id = $1', [january.id]))).rejects.toThrow(/does not change/);
    await expect(books.within((manager) => manager.query('DELETE FROM billing.invoice_files WHERE invoice = $1', [january.id]))).rejects.toThrow(/permission denied/);
    await expect(books.get(InvoicesService).draft(market.tenant, 0, 1)).rejects.toMatchObject({ code: 'NOTHING_DUE' });
  });

  it('are named by the lines of cost of what is in them, and only there', async () => {
    const lines = async () => (await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs, toMs })).lines.map(({ quantity, invoice }) => [quantity, invoice]);
    await use(1_000_000);
    await draft();
    expect(await lines()).toEqual([[1_000_000, null]]);
    const { number } = await issue();
    await use(2_000_000);
    expect(await lines()).toEqual(expect.arrayContaining([[1_000_000, number], [2_000_000, null]]));
  });

  it('are sealed into the audit log with the hashes of what they say and of their files', async () => {
    await use(1_000_000);
    const invoice = await issue();
    const rows = await books.within((manager) => manager.query<{ payload: string }[]>('SELECT payload::text FROM billing.outbox'));
    const record = rows.map(({ payload }) => JSON.parse(payload) as LogRecord & { records?: LogRecord[] }).flatMap((one) => one.records ?? [one]).find(({ type, id }) => type === 'invoice.issued' && id === invoice.id)!;
    const { fields } = openRecordBody(record.id, record.type, record.body!, market.sealPrivate);
    expect(fields).toMatchObject({ number: invoice.number, grossMinor: '100', documentHash: invoice.documentHash, pdfHash: invoice.pdfHash, ublHash: invoice.ublHash });
    const [pdf, ubl] = [await books.get(InvoicesRpc).file({ tenant: market.tenant, id: invoice.id, kind: 'pdf' }), await books.get(InvoicesRpc).file({ tenant: market.tenant, id: invoice.id, kind: 'ubl' })];
    expect([pdf.name, pdf.sha256, ubl.sha256]).toEqual([`${invoice.number}.pdf`, invoice.pdfHash, invoice.ublHash]);
    expect(brokenRules(Buffer.from(ubl.bytes, 'base64').toString())).toEqual([]);
  });

  it('have parties and rates whose every change is in the log, bank details left out of what is open', async () => {
    const sellers = (await logged(books, 'parties.changed')).filter(({ fields }) => (fields as { seller?: string } | null)?.seller === seller);
    const { name, registrationId, vatId } = frankfurt;
    expect(sellers).toEqual([{ id: expect.any(String), fields: { keyId: null, seller, name, registrationId, vatId, numberPrefix: `S${seller.slice(-6).toUpperCase()}` } }]);
    const rate = { currency: 'GBP' as const, nanosPerUsd: 800_000_000n, validFromMs: 5, source: 'BoE' };
    for (const _ of [1, 2]) await books.get(PartiesRpc).putRate({ actor, rate });
    await expect(books.get(PartiesRpc).putRate({ actor, rate: { ...rate, source: 'another' } })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await logged(books, 'rate.set')).filter(({ fields }) => (fields as { currency: string }).currency === 'GBP')).toMatchObject([{ fields: { nanosPerUsd: '800000000', validFromMs: 5, source: 'BoE' } }]);
    await buy({ termsDays: 14 });
    expect(await logged(books, 'parties.changed', market)).toMatchObject([{ fields: { seller, buyer: { termsDays: 30 } } }, { fields: { seller, buyer: { name: bank.name, termsDays: 14 } } }]);
  });

  it('have rates that are listed by currency, the newest first, page by page', async () => {
    const put = (currency: 'CZK' | 'DKK', validFromMs: number) => books.get(PartiesRpc).putRate({ actor, rate: { currency, nanosPerUsd: 7n, validFromMs, source: 'a bank' } });
    for (const [currency, fromMs] of [['DKK', 3], ['CZK', 1], ['CZK', 20], ['CZK', 3]] as const) await put(currency, fromMs);
    const list = async (over: { currency?: 'CZK'; after?: string; limit?: number }) => (await books.get(PartiesRpc).listRates({ limit: 50, ...over })).data.map(({ currency, validFromMs }) => `${currency}:${validFromMs}`);
    const all = ['CZK:20', 'CZK:3', 'CZK:1'];
    expect(await list({ currency: 'CZK' })).toEqual(all);
    expect((await list({})).filter((one) => one.startsWith('CZK') || one.startsWith('DKK'))).toEqual([...all, 'DKK:3']);
    for (let limit = 1; limit < 4; limit += 1) expect([...(await list({ currency: 'CZK', limit })), ...(await list({ currency: 'CZK', after: all[limit - 1]! }))]).toEqual(all);
    await expect(list({ after: 'CZK' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('are credited line by line up to what they say, once by id, and the books follow', async () => {
    await buy({ currency: 'EUR', country: 'DE', vatId: 'DE987654328' });
    await use(10_000_000);
    const invoice = await issue();
    const credit = (id: string, lines?: { line: number; netMinor: bigint }[]) => books.get(InvoicesService).credit({ tenant: market.tenant, id, invoice: invoice.id, reason: 'Wrong model', lines });
    const otherReason = (of: string) => books.get(InvoicesService).credit({ tenant: market.tenant, id: of, invoice: invoice.id, reason: 'Wrong price', lines: [{ line: 1, netMinor: 100n }] });
    const id = books.ids.uuid();
    const note = await credit(id, [{ line: 1, netMinor: 100n }]);
    expect(await credit(id, [{ line: 1, netMinor: 100n }])).toEqual(note);
    for (const other of [() => credit(id, [{ line: 1, netMinor: 99n }]), () => credit(id), () => otherReason(id)]) await expect(other()).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(note).toMatchObject({ kind: 'credit_note', grossMinor: 119n });
    expect(note.number).toContain('-CN-2026-00001');
    await expect(credit(books.ids.uuid(), [{ line: 1, netMinor: 801n }])).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(credit(books.ids.uuid(), [{ line: 9, netMinor: 1n }])).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await credit(books.ids.uuid());
    await expect(credit(books.ids.uuid())).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    expect((await get(invoice.id)).invoice).toMatchObject({ state: 'paid', creditedMinor: 1_071n });
    expect([await balance(`invoiced:${market.tenant}`, 'EUR'), await balance(`tax:${seller}`, 'EUR')]).toEqual([0n, 0n]);
    expect(await books.faults()).toEqual([]);
  });

  it('are paid by hand in parts, never above what is due, once by id', async () => {
    await use(3_000_000);
    const invoice = await issue();
    const pay = (id: string, amountMinor: bigint, paidAtMs = toMs) => books.get(InvoicePaymentsService).pay(market.tenant, { id, invoice: invoice.id, amountMinor, reference: 'SEPA 7', paidAtMs });
    const id = books.ids.uuid();
    expect(await pay(id, 100n)).toMatchObject({ state: 'partly_paid', paidMinor: 100n });
    expect(await pay(id, 100n)).toMatchObject({ paidMinor: 100n });
    await expect(pay(id, 100n, toMs + 1)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(pay(id, 101n)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(pay(books.ids.uuid(), 201n)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(pay(books.ids.uuid(), 0n)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(pay('00000000-0000-8000-8000-000000000001', 1n)).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'id' } });
    expect(await pay(books.ids.uuid(), 200n)).toMatchObject({ state: 'paid' });
    expect(await logged(books, 'payment.noted', market)).toMatchObject([{ id, fields: { invoice: invoice.id, source: 'hand', currency: 'USD', amountMinor: '100', reference: 'SEPA 7' } }, { fields: { amountMinor: '200' } }]);
    expect(await balance(`invoiced:${market.tenant}`)).toBe(0n);
    expect(await books.faults()).toEqual([]);
  });

  it.each(['USD', 'EUR'] as const)('in %s are paid by what the chain settled, each dollar once', async (currency) => {
    await buy({ currency });
    await use(5_000_000);
    const statement = await books.get(PayablesService).draw(books.ids.uuid(), market.tenant);
    const at = { tx: `0x${statement.id.replaceAll('-', '').padStart(64, '0')}`, blockHash: `0x${'f'.repeat(64)}`, blockNumber: 1, logIndex: 0 };
    await books.get(SettlementService).settled({ statement: statement.id, tenant: market.tenant, payer: `0x${'ab'.repeat(20)}`, epoch: 1, payees: [...statement.lines], totalUnits: statement.totalUnits, auditRoot: '0'.repeat(64), auditSize: 1, at });
    await use(2_000_000);
    const invoice = await books.get(InvoicesRpc).issue({ tenant: market.tenant, id: (await draft()).id });
    const paid = currency === 'USD' ? 500n : 450n;
    expect(invoice).toMatchObject({ state: 'partly_paid', paidMinor: paid });
    expect(await books.get(ChainPayments).apply(market.tenant)).toBe(0);
    expect((await get(invoice.id)).payments).toMatchObject([{ source: 'chain', amountMinor: paid, reference: at.tx }]);
    expect([await balance(receivable(market.tenant).code), await balance(`invoiced:${market.tenant}`, currency)]).toEqual([0n, (invoice.grossMinor - paid) * 10_000_000n]);
    expect(await books.faults()).toEqual([]);
  });

  it('of a month are drafted when it is over and issued when their grace is, without anybody asking', async () => {
    await use(7_000_000);
    const started = books.clock.nowMs();
    await books.get(InvoiceRun).runOnce();
    const mine = async () => (await books.get(InvoicesRpc).list({ tenant: market.tenant, limit: 10 })).data;
    const [drafted] = await mine();
    expect(drafted).toMatchObject({ periodFromMs: fromMs, periodToMs: toMs });
    books.clock.advance(Math.max(0, toMs + 3 * dayMs - started));
    await books.get(InvoiceRun).runOnce();
    await books.get(InvoiceRun).runOnce();
    expect(await mine()).toMatchObject([{ id: drafted!.id, state: 'issued', grossMinor: 700n }]);
    expect(await books.faults()).toEqual([]);
  });

  it('of everybody else are drafted although what is stored of one buyer cannot be read', async () => {
    await use(7_000_000);
    const broken = market;
    await open();
    await use(3_000_000);
    // Whichever of the two comes first by its id must not keep the other.
    const [first, last] = [broken, market].sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
    await books.within((manager) => manager.query(`UPDATE billing.buyers SET details = '{}' WHERE tenant = $1`, [first!.tenant]));
    await books.get(InvoiceRun).runOnce();
    const drafted = async (tenant: string) => (await books.get(InvoicesRpc).list({ tenant, limit: 10 })).data.length;
    expect([await drafted(first!.tenant), await drafted(last!.tenant)]).toEqual([0, 1]);
    await books.get(PartiesRpc).putBuyer({ actor, tenant: first!.tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null } });
    await books.get(InvoiceRun).runOnce();
    expect(await drafted(first!.tenant)).toBe(1);
  });

  it('of everybody else are issued although those of two hundred cannot be, whose turn comes first', async () => {
    await use(7_000_000);
    const { id, issueAfterMs } = await draft();
    await books.within((manager) =>
      manager.query(
        `INSERT INTO billing.invoices (id, tenant, seller, kind, period_from_ms, period_to_ms, issue_after_ms, currency, net_minor, tax_minor, gross_minor)
         SELECT gen_random_uuid(), gen_random_uuid(), $1, 'invoice', 0, 1, 2, 'USD', 0, 0, 0 FROM generate_series(1, 200)`,
        [seller],
      ),
    );
    books.clock.advance(Math.max(0, issueAfterMs + 1 - books.clock.nowMs()));
    Logger.overrideLogger(false);
    await books.get(InvoiceRun).runOnce();
    Logger.overrideLogger(['warn', 'error', 'log']);
    expect((await get(id)).invoice).toMatchObject({ state: 'issued', grossMinor: 700n });
    expect(await books.within((manager) => manager.query('WITH gone AS (DELETE FROM billing.invoices WHERE seller = $1 AND number IS NULL RETURNING id) SELECT count(*)::int AS n FROM gone', [seller]))).toEqual([{ n: 200 }]);
  });

  it('are withdrawn while they are drafts, by their own organisation alone, and what they would have said is for the next one', async () => {
    await use(3_000_000);
    const rpc = books.get(InvoicesRpc);
    const withdraw = (id: string, tenant = market.tenant) => rpc.withdraw({ tenant, id });
    const wrong = await draft([fromMs, fromMs + dayMs * 20]);
    await expect(withdraw(wrong.id, books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const both = await Promise.allSettled([withdraw(wrong.id), withdraw(wrong.id)]);
    expect(both.map((one) => (one.status === 'fulfilled' ? one.value.state : (one.reason as { code: string }).code)).sort()).toEqual(['NOT_FOUND', 'draft']);
    await expect(get(wrong.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(books.get(InvoicesService).issue(market.tenant, wrong.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const right = await draft();
    // Issued or withdrawn: whichever comes first, and never both.
    const [issued, gone] = await Promise.allSettled([books.get(InvoicesService).issue(market.tenant, right.id), withdraw(right.id)]);
    expect([issued.status, gone.status].sort()).toEqual(['fulfilled', 'rejected']);
    const last = issued.status === 'fulfilled' ? issued.value : await issue();
    expect([last.grossMinor, last.number!.slice(-5)]).toEqual([300n, '00001']);
    await expect(withdraw(last.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(books.within((manager) => manager.query('DELETE FROM billing.invoices WHERE id = $1', [last.id]))).rejects.toThrow(/does not change/);
    expect(await books.faults()).toEqual([]);
  });

  it('say what is missing, and belong to their own tenant only', async () => {
    await use(1_000_000);
    await expect(books.get(InvoicesService).draft(market.tenant, fromMs, Date.parse('2027-01-01')).then(({ id }) => books.get(InvoicesService).issue(market.tenant, id))).rejects.toMatchObject({ code: 'INVOICE_IMPOSSIBLE' });
    const never = { tenant: market.tenant, fromMs: 0, toMs: Date.UTC(10_000, 0) };
    expect([never, { ...never, toMs: never.toMs - 1 }].map((period) => invoiceCalls.draft.request.safeParse(period).success)).toEqual([false, true]);
    expect(await books.get(InvoicesRpc).draft({ ...never, toMs: never.toMs - 1 })).toMatchObject({ state: 'draft' });
    for (const [nanosPerUsd, isRate] of [['0', false], ['-1', false], [(2n ** 63n - 1n).toString(), true], [(2n ** 63n).toString(), false]] as const) expect([nanosPerUsd, exchangeRate.safeParse({ currency: 'NOK', nanosPerUsd, validFromMs: 7, source: 'a bank' }).success]).toEqual([nanosPerUsd, isRate]);
    await books.get(PartiesRpc).putRate({ actor, rate: { currency: 'NOK', nanosPerUsd: 2n ** 63n - 1n, validFromMs: 7, source: 'a bank' } });
    await buy({ currency: 'SEK' });
    await expect(draft()).rejects.toMatchObject({ code: 'INVOICE_IMPOSSIBLE', message: expect.stringContaining('SEK') as unknown });
    await buy();
    const invoice = await issue();
    const stranger = books.ids.uuid();
    await expect(get(invoice.id, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(books.get(InvoicesService).issue(stranger, invoice.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    for (const table of ['buyers', 'invoices', 'invoice_files', 'invoiced_charges']) {
      const count = async (tenant: string): Promise<number> => Number((await books.within((manager) => manager.query<{ n: string }[]>(`SELECT count(*) AS n FROM billing.${table}`), tenant))[0]!.n);
      expect([table, (await count(market.tenant)) > 0, await count(stranger)]).toEqual([table, true, 0]);
    }
  });
});
