import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { receivable } from '../ledger/chart-of-accounts.js';
import { OwnBooksStore } from '../closes/own-books.store.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { PayablesService } from '../payables/payables.service.js';
import { SettlementService } from '../payables/settlement.service.js';
import { joinNode, logged } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { actor, openBilledMarket, openInvoicing, toMs } from './billed-market-harness.js';
import type { BilledMarket } from './billed-market-harness.js';
import { ChainPayments } from './chain-payments.service.js';
import { brokenRules } from './en16931-rules-harness.js';
import { InvoicePaymentsService } from './invoice-payments.service.js';
import { balancePaymentTransfer } from './invoice-transfers.js';
import { InvoicesRpc } from './invoices.rpc.js';
import { Refunds } from './refunds.service.js';
import { RefundsRpc } from './refunds.rpc.js';

describe('invoices that were paid', () => {
  let books: Books;
  let node: TestNode;
  let billed: BilledMarket;
  let market: Market;

  const rpc = () => books.get(InvoicesRpc);
  const pay = (invoice: string, amountMinor: bigint, id = books.ids.uuid()) => books.get(InvoicePaymentsService).pay(market.tenant, { id, invoice, amountMinor, reference: 'SEPA 9', paidAtMs: toMs }).then(() => id);
  const credit = (invoice: string, lines?: { line: number; netMinor: bigint }[], id = books.ids.uuid()) => rpc().credit({ tenant: market.tenant, id, invoice, reason: 'Wrong model', lines });
  const reverse = (invoice: string, payment: string, over: Partial<Parameters<InvoicesRpc['reversePayment']>[0]> = {}) => rpc().reversePayment({ actor, tenant: market.tenant, invoice, payment, id: books.ids.uuid(), reason: 'charged back', ...over });
  const ask = (amountMinor: bigint, over: Partial<Parameters<Refunds['request']>[0]> = {}) => books.get(Refunds).request({ actor, tenant: market.tenant, id: books.ids.uuid(), currency: 'EUR', amountMinor, reason: 'asked for', ...over });
  const credits = async () => (await books.get(RefundsRpc).balances({ tenant: market.tenant, limit: 10 })).data.map(({ amountMinor, refundingMinor }) => [amountMinor, refundingMinor]);
  /** 10.71 with tax, by bank. */
  const paid = async () => {
    await billed.buy({ currency: 'EUR', country: 'DE', vatId: 'DE987654328' });
    await billed.use(10_000_000);
    const invoice = await billed.issue();
    return { invoice, payment: await pay(invoice.id, 1_071n) };
  };
  const february = () => billed.issue([toMs, Date.parse('2026-02-03')]);
  const ublOf = async (id: string) => Buffer.from((await rpc().file({ tenant: market.tenant, id, kind: 'ubl' })).bytes, 'base64').toString();

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books, 10n ** 9n);
    await openInvoicing(books);
  });
  beforeEach(async () => {
    billed = await openBilledMarket(books, node);
    ({ market } = billed);
  });
  afterAll(() => books.close());

  it('are credited in part and whole, with their own tax, into a balance that the next invoice takes and says so', async () => {
    const { invoice } = await paid();
    const note = await credit(invoice.id, [{ line: 1, netMinor: 50n }]);
    expect([note.netMinor, note.taxMinor, (await billed.get(note.id)).document.toBalanceMinor]).toEqual([50n, 10n, 60n]);
    // Half a hundredth of tax twice: the second note has what the whole leaves.
    expect((await credit(invoice.id, [{ line: 1, netMinor: 50n }])).taxMinor).toBe(9n);
    const rest = await credit(invoice.id);
    expect([rest.grossMinor, rest.taxMinor]).toEqual([952n, 152n]);
    expect((await billed.get(invoice.id)).invoice).toMatchObject({ state: 'paid', paidMinor: 1_071n, creditedMinor: 1_071n, returnedMinor: 1_071n });
    expect([await credits(), await billed.balance(`invoiced:${market.tenant}`, 'EUR'), await billed.balance(`tax:${billed.seller}`, 'EUR')]).toEqual([[[1_071n, 0n]], 0n, 0n]);
    const ubl = await ublOf(rest.id);
    expect([brokenRules(ubl), ubl.includes(`<cbc:ID>${invoice.number}</cbc:ID>`)]).toEqual([[], true]);
    await billed.use(20_000_000, Date.parse('2026-02-02'));
    const next = await february();
    expect(next).toMatchObject({ state: 'partly_paid', grossMinor: 2_142n, paidMinor: 1_071n });
    const { document, payments } = await billed.get(next.id);
    expect([document.prepaidMinor, payments.map(({ source, amountMinor }) => [source, amountMinor])]).toEqual([1_071n, [['balance', 1_071n]]]);
    const nextUbl = await ublOf(next.id);
    expect([brokenRules(nextUbl), /<cbc:PrepaidAmount currencyID="EUR">10.71</.test(nextUbl), /<cbc:PayableAmount currencyID="EUR">10.71</.test(nextUbl)]).toEqual([[], true, true]);
    expect([await credits(), await billed.balance(`invoiced:${market.tenant}`, 'EUR')]).toEqual([[[0n, 0n]], 10_710_000_000n]);
    expect(await logged(books, 'payment.noted', market)).toMatchObject([{ fields: { source: 'hand', reference: 'SEPA 9', currency: 'EUR' } }, { fields: { source: 'balance', invoice: next.id, currency: 'EUR', amountMinor: '1071' } }]);
    expect(await books.faults()).toEqual([]);
  });

  it('in part are credited against what is due first, and the rest pays another open invoice at once', async () => {
    await billed.use(10_000_000);
    const invoice = await billed.issue();
    await billed.use(3_000_000, Date.parse('2026-02-02'));
    const other = await february();
    await pay(invoice.id, 600n);
    expect((await billed.get((await credit(invoice.id, [{ line: 1, netMinor: 700n }])).id)).document.toBalanceMinor).toBe(300n);
    expect((await billed.get(invoice.id)).invoice).toMatchObject({ state: 'paid', creditedMinor: 700n, returnedMinor: 300n });
    expect((await billed.get(other.id)).invoice).toMatchObject({ state: 'paid', paidMinor: 300n });
    expect(await books.faults()).toEqual([]);
  });

  it('are never credited beyond what they say, however many try at once, and not for nothing', async () => {
    const { invoice } = await paid();
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => credit(invoice.id, [{ line: 1, netMinor: 400n }])));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    for (const netMinor of [101n, 0n, -1n, 2n ** 62n]) await expect(credit(invoice.id, [{ line: 1, netMinor }])).rejects.toMatchObject({ code: netMinor === 0n ? 'NOTHING_DUE' : 'REQUEST_INVALID' });
    await credit(invoice.id);
    expect((await billed.get(invoice.id)).invoice).toMatchObject({ creditedMinor: 1_071n });
    expect(await credits()).toEqual([[1_071n, 0n]]);
    expect(await books.faults()).toEqual([]);
  });

  it('give a balance that is paid back in two steps, each once, never beyond it', async () => {
    const { invoice } = await paid();
    await credit(invoice.id);
    for (const amountMinor of [0n, -1n, 1_072n, 2n ** 62n]) await expect(ask(amountMinor)).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'amountMinor' } });
    await expect(ask(1n, { currency: 'USD' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const id = books.ids.uuid();
    const asked = await ask(700n, { id });
    expect([asked.state, await ask(700n, { id }), await credits()]).toEqual(['requested', asked, [[371n, 700n]]]);
    for (const other of [() => ask(701n, { id }), () => ask(700n, { id, reason: 'other' }), () => ask(700n, { id, tenant: books.ids.uuid() })]) await expect(other()).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    const refunds = books.get(Refunds);
    const sent = { actor, tenant: market.tenant, id, reference: 'SEPA 11', paidAtMs: toMs };
    await expect(refunds.pay({ ...sent, tenant: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const done = await Promise.all([1, 2, 3].map(() => refunds.pay(sent)));
    expect(done.map(({ state, reference }) => [state, reference])).toEqual(Array(3).fill(['paid', 'SEPA 11']));
    await expect(refunds.pay({ ...sent, reference: 'SEPA 12' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(refunds.void(sent)).rejects.toMatchObject({ code: 'CONFLICT' });
    const races = await Promise.allSettled(Array.from({ length: 4 }, () => ask(200n)));
    const [held] = races.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect([races.filter(({ status }) => status === 'fulfilled').length, await credits()]).toEqual([1, [[171n, 200n]]]);
    for (const _ of [1, 2]) expect(await refunds.void({ actor, tenant: market.tenant, id: held!.id })).toMatchObject({ state: 'voided' });
    await expect(refunds.pay({ ...sent, id: held!.id })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect([await credits(), await billed.balance(`refunding:${market.tenant}`, 'EUR')]).toEqual([[[371n, 0n]], 0n]);
    expect((await logged(books, 'refund.changed', market)).map(({ fields }) => (fields as { state: string }).state)).toEqual(['requested', 'paid', 'requested', 'voided']);
    expect((await books.get(RefundsRpc).list({ tenant: books.ids.uuid(), limit: 9 })).data).toEqual([]);
    const [first] = (await books.get(RefundsRpc).list({ tenant: market.tenant, limit: 1 })).data;
    expect((await books.get(RefundsRpc).list({ tenant: market.tenant, after: first!.id, limit: 9 })).data).toHaveLength(1);
    // Whoever posts, the database keeps the balance from being overdrawn.
    const overdrawn = balancePaymentTransfer(books.ids.uuid(), { tenant: market.tenant, currency: 'EUR' }, 372n);
    await expect(books.within((manager) => books.get(LedgerStore).post(manager, [overdrawn]))).rejects.toMatchObject({ code: 'ACCOUNT_LIMIT' });
    expect(await books.faults()).toEqual([]);
  });

  it('with more than is due, or twice, are paid and the rest stands to the credit, where whoever tells it says so', async () => {
    await billed.buy({ currency: 'EUR', country: 'DE', vatId: 'DE987654328' });
    await billed.use(10_000_000);
    const invoice = await billed.issue();
    await billed.use(3_000_000, Date.parse('2026-02-02'));
    const tell = (amountMinor: bigint, id = books.ids.uuid(), excessToBalance = true) => rpc().pay({ actor, tenant: market.tenant, invoice: invoice.id, id, amountMinor, reference: 'SEPA 10', paidAtMs: toMs, excessToBalance }).then(() => id);
    await expect(tell(1_100n, undefined, false)).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'amountMinor' } });
    for (const [amountMinor, code] of [[0n, 'REQUEST_INVALID'], [-1n, 'REQUEST_INVALID'], [2n ** 62n, 'AMOUNT_OVERFLOW'], [9_999_999_999_999_999_999n, 'AMOUNT_OVERFLOW']] as const) await expect(tell(amountMinor)).rejects.toMatchObject({ code });
    const id = books.ids.uuid();
    await Promise.all([tell(1_100n, id), tell(1_100n, id), tell(1_100n, id)]);
    await expect(tell(1_071n, id)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    const { invoice: paidOnce, payments } = await billed.get(invoice.id);
    expect([paidOnce, payments, await credits(), await billed.balance('received', 'EUR') >= 11_000_000_000n]).toMatchObject([{ state: 'paid', paidMinor: 1_071n }, [{ id, amountMinor: 1_071n, excessMinor: 29n }], [[29n, 0n]], true]);
    expect(await logged(books, 'payment.noted', market)).toMatchObject([{ id, fields: { currency: 'EUR', amountMinor: '1071', excessMinor: '29' } }]);
    // The whole of it a second time, which pays the next invoice.
    const again = await tell(1_071n);
    expect([(await billed.get(invoice.id)).invoice.paidMinor, await credits()]).toEqual([1_071n, [[1_100n, 0n]]]);
    const next = await february();
    expect(next).toMatchObject({ state: 'paid', grossMinor: 321n, paidMinor: 321n });
    // What is left of it does not cover what came twice any more.
    expect(await credits()).toEqual([[779n, 0n]]);
    await expect(reverse(invoice.id, again)).rejects.toMatchObject({ code: 'CONFLICT' });
    await reverse(invoice.id, id);
    // The invoice is due again, and what is left of the balance is still there to pay it.
    expect([(await billed.get(invoice.id)).invoice, await credits()]).toMatchObject([{ state: 'issued', paidMinor: 0n }, [[750n, 0n]]]);
    expect(await logged(books, 'payment.reversed', market)).toMatchObject([{ fields: { payment: id, amountMinor: '1071', excessMinor: '29' } }]);
    expect((await books.within((manager) => books.get(OwnBooksStore).differences(manager))).filter(({ subject }) => subject.includes(market.tenant) || subject.includes(invoice.id))).toEqual([]);
    expect(await books.faults()).toEqual([]);
  });

  it('are open again when a payment told by hand was none, once, and by its own reversal alone', async () => {
    const { invoice, payment } = await paid();
    const id = books.ids.uuid();
    const again = await Promise.all([1, 2, 3].map(() => reverse(invoice.id, payment, { id })));
    expect(again.map(({ state, paidMinor }) => [state, paidMinor])).toEqual(Array(3).fill(['issued', 0n]));
    await expect(reverse(invoice.id, payment, { id, reason: 'another' })).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    await expect(reverse(invoice.id, payment)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(reverse(invoice.id, books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(reverse(invoice.id, payment, { tenant: books.ids.uuid() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await billed.get(invoice.id)).payments).toMatchObject([{ id: payment, reversal: { id, reason: 'charged back' } }]);
    // Told again under its own id it stays what it was; another payment is another one.
    await pay(invoice.id, 1_071n, payment);
    expect((await billed.get(invoice.id)).invoice.state).toBe('issued');
    expect([await billed.balance(`invoiced:${market.tenant}`, 'EUR'), await logged(books, 'payment.reversed', market)]).toEqual([10_710_000_000n, [{ id: expect.any(String), fields: expect.objectContaining({ reversal: id, payment, source: 'hand', currency: 'EUR', amountMinor: '1071' }) as unknown }]]);
    await pay(invoice.id, 1_071n);
    await credit(invoice.id);
    await billed.use(1_000_000, Date.parse('2026-02-02'));
    const [balancePaid] = (await billed.get((await february()).id)).payments;
    await expect(reverse(balancePaid!.invoice, balancePaid!.id)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(await books.faults()).toEqual([]);
  });

  it.each(['USD', 'EUR'] as const)('in %s by a deposit that the chain takes back are open again, once, and paid when it comes after all', async (currency) => {
    await billed.buy({ currency });
    await billed.use(5_000_000);
    const statement = await books.get(PayablesService).draw(books.ids.uuid(), market.tenant);
    const at = (logIndex: number) => ({ tx: `0x${statement.id.replaceAll('-', '').padStart(64, '0')}`, blockHash: `0x${'f'.repeat(64)}`, blockNumber: 1, logIndex });
    const payer = `0x${'ab'.repeat(20)}`;
    const deposit = { tenant: market.tenant, payer, units: statement.totalUnits, at: at(0) };
    const settlement = books.get(SettlementService);
    await settlement.deposited(deposit);
    await settlement.settled({ statement: statement.id, tenant: market.tenant, payer, epoch: 1, payees: [...statement.lines], totalUnits: statement.totalUnits, auditRoot: '0'.repeat(64), auditSize: 1, at: at(1) });
    const invoice = await rpc().issue({ tenant: market.tenant, id: (await billed.draft()).id });
    const whole = currency === 'USD' ? 500n : 450n;
    expect(invoice).toMatchObject({ state: 'paid', paidMinor: whole });
    for (const _ of [1, 2]) await settlement.depositReversed(deposit);
    await books.get(ChainPayments).apply(market.tenant);
    expect((await billed.get(invoice.id)).invoice).toMatchObject({ state: 'issued', paidMinor: 0n });
    expect([await billed.balance(`invoiced:${market.tenant}`, currency), await billed.balance(receivable(market.tenant).code)]).toEqual([whole * 10_000_000n, -5_000_000_000n]);
    const [chained] = (await billed.get(invoice.id)).payments;
    await expect(reverse(invoice.id, chained!.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await logged(books, 'payment.reversed', market)).toMatchObject([{ fields: { payment: chained!.id, source: 'chain', currency, amountMinor: whole.toString() } }]);
    await settlement.deposited({ ...deposit, reversals: 1 });
    expect(await books.get(ChainPayments).apply(market.tenant)).toBe(1);
    expect((await billed.get(invoice.id)).invoice).toMatchObject({ state: 'paid', paidMinor: whole });
    // Each payment is an entry of its own, by whatever it was paid: those of the log less its reversals are what the invoice says.
    const noted = (await logged(books, 'payment.noted', market)).map(({ id, fields }) => ({ id, ...(fields as Record<string, unknown>) }));
    expect(noted).toMatchObject(Array.from({ length: 2 }, () => ({ source: 'chain', invoice: invoice.id, currency, amountMinor: whole.toString(), usdNanos: '5000000000', statement: statement.id, reference: at(1).tx })));
    expect([noted[0]!.id, new Set(noted.map(({ id }) => id)).size]).toEqual([chained!.id, 2]);
    expect(await books.faults()).toEqual([]);
  });
});
