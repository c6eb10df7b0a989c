import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newHoldbackRule } from '#protocol';
import type { Holdback, OfferEntry } from '#protocol';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { InvoicesRpc } from '../invoices/invoices.rpc.js';
import { InvoicesService } from '../invoices/invoices.service.js';
import { PartiesRpc } from '../invoices/parties.rpc.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { PayablesService } from '../payables/payables.service.js';
import { PayeeStatements } from '../payees/payee-statements.service.js';
import { admittedFacts, completedFacts, joinNode, logged, newNode, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { ClaimsRpc } from '../receipts/claims.rpc.js';
import { ReceiptsService } from '../receipts/receipts.service.js';
import { RoyaltiesService } from '../royalties/royalties.service.js';
import { UsageRpc } from '../usage/usage.rpc.js';
import { releaseTransfer } from './holdback-transfers.js';
import { Holdbacks } from './holdbacks.service.js';
import { HoldbacksRpc } from './holdbacks.rpc.js';
import { HoldbacksStore } from './holdbacks.store.js';
import { VerdictsConsumer } from './verdicts.consumer.js';

const dayMs = 86_400_000;
const actor = { keyId: null, tenant: null };


describe('holdbacks', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;

  const rule = (target: string, basisPoints: number, holdMs = dayMs) => books.get(HoldbacksRpc).putRule({ actor, target, basisPoints, holdMs });
  const earn = async (nanos: number, by = node): Promise<string> => {
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', BigInt(nanos)), by);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, by, nanos, { receipt: signedBy(by, admitted, nanos), completedAtMs: books.clock.nowMs() })));
    return admitted.record;
  };
  const said = (record: string, passed: boolean, by = node) => books.get(VerdictsConsumer).onVerified({ record, node: by.id, passed, reason: passed ? 'the same answer' : 'another answer' });
  const sweep = (): Promise<number> => books.get(Holdbacks).runOnce();
  const draw = () => books.get(PayablesService).draw(books.ids.uuid(), market.tenant);
  const balance = async (code: string): Promise<bigint> => {
    const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1', [code]));
    return BigInt(row?.balance ?? 0);
  };
  const list = async (tenant: string | null = market.tenant, state: Holdback['state'] | 'all' = 'all') => (await books.get(HoldbacksRpc).list({ tenant, state, limit: 50 })).data;
  const statement = () => books.get(PayeeStatements).of({ payee: node.payee, tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() + 1 });
  const owed = async () => (await books.get(PayablesService).list(market.tenant)).find(({ payee }) => payee === node.payee)!;

  beforeAll(async () => {
    books = await openBooks();
  });
  beforeEach(async () => {
    market = await openMarket(books, 10n ** 15n);
    node = await joinNode(books);
  });
  afterEach(async () => expect(await books.faults()).toEqual([]));
  afterAll(() => books.close());

  it('keep a share out of what is drawn for the chain until its time is over, and lose nothing', async () => {
    await rule(`node:${node.id}`, 2_500);
    const record = await earn(10_001);
    expect([await balance(`payable:${market.tenant}:${node.payee}`), await balance(`held:${market.tenant}:${node.id}`)]).toEqual([-7_501n, -2_500n]);
    expect(await owed()).toMatchObject({ earnedNanos: 10_001n, heldNanos: 2_500n, owedNanos: 7_501n });
    expect(await draw()).toMatchObject({ totalUnits: 7n });
    expect(await books.within((manager) => manager.query('SELECT record FROM billing.statement_charges WHERE record = $1', [record]))).toEqual([]);
    expect(await sweep()).toBe(0);
    books.clock.advance(dayMs);
    expect((await Promise.all([sweep(), sweep(), sweep()])).reduce((sum, ended) => sum + ended, 0)).toBe(1);
    expect([await balance(`payable:${market.tenant}:${node.payee}`), await balance(`held:${market.tenant}:${node.id}`)]).toEqual([-3_001n, 0n]);
    expect(await list()).toMatchObject([{ record, state: 'released', reason: null, forfeitedNanos: 0n }]);
    expect(await logged(books, 'holdback.released', market)).toEqual([]);
    expect(await statement()).toMatchObject({ earnedNanos: 10_001n, heldNanos: 0n, forfeitedNanos: 0n, closingNanos: 3_001n });
  });

  it('are not paid by time alone where the machine signed for other work than was charged, until that claim is ended', async () => {
    await rule(`node:${node.id}`, 5_000, 1_000);
    const [admitted, other] = [admittedFacts(books.ids, market, await market.acquire('g', 1_000n), node), admittedFacts(books.ids, market, await market.acquire('g', 1_000n), node)];
    // Of the other one it says the same twice.
    for (const [one, again] of [[admitted, 101], [other, 100]] as const) {
      await market.book(recordOf(one), recordOf(completedFacts(one, node, 100, { receipt: signedBy(node, one, 100), completedAtMs: books.clock.nowMs() })));
      await books.get(ReceiptsService).take([{ node: node.id, sequence: 1, signed: signedBy(node, one, again) }]);
    }
    books.clock.advance(1_000);
    const states = async () => Object.fromEntries((await list()).map(({ record, state }) => [record, state]));
    expect([await sweep(), await states()]).toEqual([1, { [admitted.record]: 'held', [other.record]: 'released' }]);
    expect((await books.get(ClaimsRpc).list({ state: 'open', limit: 200 })).data.filter(({ node: by }) => by === node.id)).toMatchObject([{ record: admitted.record, reason: 'usage_differs', inputTokens: 101 }]);
    await books.get(ClaimsRpc).resolve({ actor, record: admitted.record, node: node.id, resolution: 'rejected', note: 'the first one stands' });
    expect([await sweep(), await states()]).toEqual([1, { [admitted.record]: 'released', [other.record]: 'released' }]);
  });

  it('all of it: a charge is in the statement that pays it, not before', async () => {
    await rule(`node:${node.id}`, 10_000);
    const record = await earn(5_000);
    await expect(draw()).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    await said(record, true);
    expect(await sweep()).toBe(1);
    const drawn = await draw();
    expect(drawn.totalUnits).toBe(5n);
    expect(await books.within((manager) => manager.query('SELECT statement FROM billing.statement_charges WHERE record = $1', [record]))).toEqual([{ statement: drawn.id }]);
  });

  it('become a credit of the organisation when verification refutes the work, once, however often and in whatever order it is told', async () => {
    await rule(`node:${node.id}`, 4_000);
    const admitted = admittedFacts(books.ids, market, await market.acquire('g', 10_000n), node);
    // The verdict comes before the record.
    await said(admitted.record, false);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, 10_000)));
    await Promise.all([said(admitted.record, false), said(admitted.record, true), sweep(), sweep()]);
    await sweep();
    expect(await list()).toMatchObject([{ state: 'forfeited', reason: 'another answer', amountNanos: 4_000n, forfeitedNanos: 4_000n }]);
    expect([await balance(`receivable:${market.tenant}`), await balance(`payable:${market.tenant}:${node.payee}`), await balance(`held:${market.tenant}:${node.id}`)]).toEqual([6_000n, -6_000n, 0n]);
    expect(await statement()).toMatchObject({ earnedNanos: 10_000n, forfeitedNanos: 4_000n, closingNanos: 6_000n });
    const [log] = await books.within((manager) => manager.query<{ n: string }[]>(`SELECT count(*) AS n FROM billing.outbox WHERE payload LIKE '%holdback.forfeited%' AND payload LIKE '%' || $1 || '%'`, [market.tenant]));
    expect(log).toEqual({ n: '1' });
  });

  it('are credited in the next invoice, as far as there is usage, and what the tenant owes by the ledger is what the invoice says', async () => {
    const seller = books.ids.uuid();
    await books.get(PartiesRpc).putSeller({ actor, id: seller, seller: { ...frankfurt, numberPrefix: `S${seller.slice(-6).toUpperCase()}` } });
    await books.get(PartiesRpc).putBuyer({ actor, tenant: market.tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null } });
    await rule(`node:${node.id}`, 5_000);
    const [usd, admitted] = [1_000_000_000, await earn(3_000_000_000)];
    await books.get(HoldbacksRpc).decide({ actor, record: admitted, passed: false, note: 'gibberish' });
    await earn(usd);
    const month = Date.UTC(2026, 0);
    books.clock.advance(Date.UTC(2026, 1, 5) - books.clock.nowMs());
    const invoices = books.get(InvoicesService);
    const draft = await invoices.draft(market.tenant, month, Date.UTC(2026, 1));
    expect(draft.netMinor).toBe(250n);
    const issued = await invoices.issue(market.tenant, draft.id);
    const { document } = (await books.get(InvoicesRpc).get({ tenant: market.tenant, id: issued.id })) as unknown as { document: { usageNanos: bigint; lines: { name: string; netMinor: bigint }[] } };
    expect(document.usageNanos).toBe(2_500_000_000n);
    expect(document.lines.find(({ name }) => name.startsWith('Credit'))).toMatchObject({ netMinor: -150n });
    expect(await balance(`receivable:${market.tenant}`)).toBe(0n);
    // Cost lines of an invoice add up to it, the credit is one of them.
    const { lines } = await books.get(UsageRpc).lines({ tenant: market.tenant, fromMs: 0, toMs: books.clock.nowMs() });
    expect(lines.filter(({ meter }) => meter === 'credit')).toMatchObject([{ amountNanos: -1_500_000_000n, model: 'm', invoice: issued.number }]);
    expect(lines.filter(({ invoice }) => invoice === issued.number).reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(2_500_000_000n);
    await expect(invoices.draft(market.tenant, Date.UTC(2026, 1), Date.UTC(2026, 2))).rejects.toMatchObject({ code: 'NOTHING_DUE' });
  });

  it('leave owners of data what is theirs: only the rest is credited', async () => {
    await rule(`node:${node.id}`, 10_000);
    const record = await earn(1_000);
    const owner = `0x${'ab'.repeat(20)}`;
    await books.within((manager) => books.get(RoyaltiesService).note(manager, { record, tenant: market.tenant, use: 'retrieval', shares: [{ dataset: 'd', owner, basisPoints: 3_000 }] }));
    await said(record, false);
    await sweep();
    expect(await list()).toMatchObject([{ state: 'forfeited', amountNanos: 1_000n, forfeitedNanos: 700n }]);
    expect([await balance(`payable:${market.tenant}:${owner}`), await balance(`payable:${market.tenant}:${node.payee}`), await balance(`receivable:${market.tenant}`)]).toEqual([-300n, 0n, 300n]);
    expect(await statement()).toMatchObject({ sharedNanos: -300n, forfeitedNanos: 700n, closingNanos: 0n });
    await expect(books.within((manager) => books.get(RoyaltiesService).note(manager, { record: books.ids.uuid(), tenant: market.tenant, use: 'x', shares: [{ dataset: 'd', owner, basisPoints: 1 }] }))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are kept for a machine whose payee is not known yet, too', async () => {
    const unknown = newNode(books.ids);
    await rule(`node:${unknown.id}`, 5_000, 1_000);
    const record = await earn(100, { ...unknown, price: { ...unknown.price, inputNanosPerMillion: 1_000_000n } });
    expect(await balance(`held:${market.tenant}:${unknown.id}`)).toBe(-50n);
    books.clock.advance(1_000);
    await sweep();
    expect([await balance(`unassigned:${market.tenant}:${unknown.id}`), (await list()).find((each) => each.record === record)?.state]).toEqual([-100n, 'released']);
  });

  it("follow the narrowest rule: a machine's, its network's, everybody's; and the largest of any network where that is not known", async () => {
    const known = await joinNode(books);
    books.offers.apply(known.offer, { network: 'akash' } as OfferEntry, 1);
    await rule('network:akash', 1_000);
    await rule('network:golem', 3_000);
    await rule('all', 2_000);
    const heldOf = async (by: TestNode): Promise<bigint | undefined> => {
      const record = await earn(1_000, by);
      return (await list()).find((each) => each.record === record)?.amountNanos;
    };
    expect([await heldOf(known), await heldOf(node)]).toEqual([100n, 300n]);
    await rule(`node:${known.id}`, 0);
    expect(await heldOf(known)).toBeUndefined();
    for (const target of ['all', 'network:akash', 'network:golem']) await rule(target, 0);
    expect(await heldOf(node)).toBeUndefined();
  });

  it('are told as late when work is refuted at the very moment at which its time ends', async () => {
    await rule(`node:${node.id}`, 5_000);
    const record = await earn(100);
    let refuted: Promise<void> | undefined;
    // A sweep that has looked before the verdict was there.
    await books.within(async (manager) => {
      await manager.query('SELECT 1 FROM billing.holdbacks WHERE record = $1 FOR UPDATE', [record]);
      refuted = said(record, false);
      await books.database.waiting();
      const released = { record, tenant: market.tenant, node: node.id, amountNanos: 50n, payee: node.payee, passed: true, forfeitedNanos: 0n, reason: null, keyId: null };
      await books.get(HoldbacksStore).end(manager, [released], books.clock.nowMs());
      await books.get(LedgerStore).post(manager, [releaseTransfer(released)]);
    });
    await refuted;
    expect(await books.within((manager) => books.get(AnomaliesStore).list(manager))).toContainEqual(expect.objectContaining({ kind: 'verification_late', subject: record }));
  });

  it('are decided by hand once, shown to their organisation alone, and refused where there is none or without sense', async () => {
    await rule(`node:${node.id}`, 5_000);
    const record = await earn(100);
    const person = { keyId: books.ids.uuid(), tenant: null };
    const decide = (passed: boolean, of = record) => books.get(HoldbacksRpc).decide({ actor: person, record: of, passed, note: 'looked at' });
    const [first, second] = await Promise.all([decide(true), decide(true)]);
    expect([first, await decide(true)]).toEqual([second, second]);
    await expect(decide(false)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await logged(books, 'holdback.released', market)).toMatchObject([{ fields: { record, node: node.id, reason: 'looked at', releasedNanos: '50', keyId: person.keyId } }]);
    await expect(decide(true, books.ids.uuid())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const other = (await openMarket(books, 1n)).tenant;
    expect([await list(other), (await list(null, 'released')).some((each) => each.record === record)]).toEqual([[], true]);
    expect(await books.within((manager) => manager.query('SELECT record FROM billing.holdbacks WHERE record = $1', [record]), other)).toEqual([]);
    await said(record, false);
    expect(await books.within((manager) => books.get(AnomaliesStore).list(manager))).not.toContainEqual(expect.objectContaining({ kind: 'verification_late', subject: record }));
    const paid = await earn(10, await joinNode(books));
    const [{ node: by }] = await books.within((manager) => manager.query<{ node: string }[]>('SELECT node FROM billing.charges WHERE record = $1', [paid])) as [{ node: string }];
    await books.get(VerdictsConsumer).onVerified({ record: paid, node: by, passed: false, reason: 'too late' });
    expect(await books.within((manager) => books.get(AnomaliesStore).list(manager))).toContainEqual(expect.objectContaining({ kind: 'verification_late', subject: paid }));
    for (const bad of [{ basisPoints: 10_001 }, { basisPoints: -1 }, { holdMs: 0 }, { holdMs: 91 * dayMs }, { target: 'nobody' }, { target: 'node:7' }]) expect(newHoldbackRule.safeParse({ target: 'all', basisPoints: 100, holdMs: dayMs, ...bad }).success).toBe(false);
  });
});
