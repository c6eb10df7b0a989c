import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Buyer, LogRecord } from '#protocol';
import { openRecordBody } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { receivable } from '../ledger/chart-of-accounts.js';
import type { Lease } from '../leases/leases.service.js';
import { PayablesService } from '../payables/payables.service.js';
import { SettlementService } from '../payables/settlement.service.js';
import { admittedFacts, completedFacts, joinNode, logged, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { brokenRules } from './en16931-rules-harness.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { InvoicePaymentsService } from './invoice-payments.service.js';
import { InvoiceRun } from './invoice-run.service.js';
import { InvoicesRpc } from './invoices.rpc.js';
import { InvoicesService } from './invoices.service.js';
import { PartiesRpc } from './parties.rpc.js';

const [fromMs, toMs] = [Date.parse('2026-01-01'), Date.parse('2026-02-01')];
const inJanuaryMs = Date.parse('2026-01-15T12:00:00Z');
const dayMs = 86_400_000;
const actor = { keyId: null, tenant: null } as never;


describe('invoices', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;
  let seller: string;

  const buy = (buyer: Partial<Buyer> = {}, tenant = market.tenant) => books.get(PartiesRpc).putBuyer({ actor, tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null, ...buyer } });
  /** A request of January that costs `usd` millionths of a dollar. */
  const use = async (usdMillionths: number, endMs = inJanuaryMs): Promise<void> => {
    const facts = admittedFacts(books.ids, market, lease, node, { admittedAtMs: endMs - 50 });
    await market.book(recordOf(facts), recordOf(completedFacts(facts, node, usdMillionths)));
  };
  const draft = (period: [number, number] = [fromMs, toMs]) => books.get(InvoicesService).draft(market.tenant, ...period);
  const issue = async () => books.get(InvoicesService).issue(market.tenant, (await draft()).id);
  const balance = async (code: string, currency = 'USD'): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1 AND currency = $2', [code, currency]));
    return BigInt(row?.balance ?? 0);
  };
  const get = (id: string, tenant = market.tenant) => books.get(InvoicesRpc).get({ tenant, id });

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books, 10n ** 9n);
    await books.get(PartiesRpc).putRate({ actor, rate: { currency: 'EUR', nanosPerUsd: 900_000_000n, validFromMs: 0, source: 'ECB' } });
    books.clock.advance(Date.parse('2026-02-04') - books.clock.nowMs());
  });
  beforeEach(async () => {
    market = await openMarket(books, 10n ** 15n);
    lease = await market.acquire('gateway-1', 10n ** 14n);
    seller = books.ids.uuid();
    await books.get(PartiesRpc).putSeller({ actor, id: seller, seller: { ...frankfurt, numberPrefix: `S${seller.slice(-6).toUpperCase()}` } });
    await buy();
  });
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
      market = await openMarket(books, 10n ** 15n);
      lease = await market.acquire('gateway-1', 10n ** 14n);
      await buy();
      if (index !== 3) await use(5_000_000);
      markets.push(market);
    }
    const issued = await Promise.allSettled(markets.flatMap(({ tenant }) => [1, 2].map(async () => books.get(InvoicesService).issue(tenant, (await books.get(InvoicesService).draft(tenant, fromMs, toMs)).id))));
    expect(issued.filter(({ status }) => status === 'rejected')).toHaveLength(2);
    const numbers = issued.flatMap((one) => (one.status === 'fulfilled' ? [one.value.number!] : []));
    expect([...new Set(numbers)].map((number) => Number(number.slice(-5))).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(numbers).toHaveLength(14);
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
    expect(await pay(books.ids.uuid(), 200n)).toMatchObject({ state: 'paid' });
    expect(await logged(books, 'payment.noted', market)).toMatchObject([{ id, fields: { invoice: invoice.id, amountMinor: '100', reference: 'SEPA 7' } }, { fields: { amountMinor: '200' } }]);
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
    expect(await books.get(InvoicePaymentsService).applySettlements(market.tenant)).toBe(0);
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
    market = await openMarket(books, 10n ** 15n);
    lease = await market.acquire('gateway-1', 10n ** 14n);
    await buy();
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

  it('say what is missing, and belong to their own tenant only', async () => {
    await use(1_000_000);
    await expect(books.get(InvoicesService).draft(market.tenant, fromMs, Date.parse('2027-01-01')).then(({ id }) => books.get(InvoicesService).issue(market.tenant, id))).rejects.toMatchObject({ code: 'INVOICE_IMPOSSIBLE' });
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
