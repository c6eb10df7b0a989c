import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { anomalyKinds } from '../anomalies/anomaly.js';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { limits } from '#protocol';
import { ReclaimService } from '../leases/reclaim.service.js';
import { ClaimsRpc } from '../receipts/claims.rpc.js';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import type { Budget } from '../budgets/budget.js';
import { withClient } from '#local';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf, signedBy } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import type { Lease } from '../leases/leases.service.js';
import { PayablesService } from '../payables/payables.service.js';
import { AssignPayees } from '../nodes/assign-payees.service.js';
import { NodesStore } from '../nodes/nodes.store.js';
import { ReceiptsService } from '../receipts/receipts.service.js';
import { Credits } from '../credits/credits.service.js';
import { JournalRpc } from '../journal/journal.rpc.js';
import { namedUuid } from '../ledger/chart-of-accounts.js';
import { ChargesStore } from './charges.store.js';

describe('booking records', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let lease: Lease;
  const budget = async (): Promise<Budget> => (await books.get(BudgetsService).list(market.tenant))[0]!;
  const spent = async (): Promise<bigint> => (await budget()).spentNanos;
  const anomalies = async (subject: string): Promise<string[]> => (await books.within((manager) => books.get(AnomaliesStore).list(manager))).filter((found) => found.subject.startsWith(subject)).map(({ kind }) => kind);
  const chargeOf = (record: string, tenant = market.tenant) => books.within((manager) => books.get(ChargesStore).find(manager, record), tenant);

  const receipts = (record: string): Promise<object[]> => books.within((manager) => manager.query('SELECT input_tokens, state, reason FROM billing.receipts WHERE record = $1 ORDER BY input_tokens', [record]));

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  });
  beforeEach(async () => {
    market = await openMarket(books, 10_000n);
    lease = await market.acquire('gateway-1', 2_000n);
  });
  afterAll(() => books.close());

  it('charges once, whatever the order and however often the records come', async () => {
    const [first, second, free] = [admittedFacts(books.ids, market, lease, node), admittedFacts(books.ids, market, lease, node), admittedFacts(books.ids, market, lease, node)];
    await market.book(recordOf(completedFacts(first, node, 30)), recordOf(first), recordOf(second));
    await market.book(recordOf(second), recordOf(completedFacts(second, node, 40)), recordOf(completedFacts(second, node, 40)));
    await market.book(recordOf(completedFacts(first, node, 30)), recordOf(completedFacts(second, node, 40)), recordOf(first), recordOf(second));
    await market.book(recordOf(completedFacts(free, node, 0, { outcome: 'failed', usageSource: 'none' })), recordOf(free));
    expect(await budget()).toMatchObject({ limitNanos: 10_000n, availableNanos: 8_000n, leasedNanos: 1_930n, spentNanos: 70n });
    expect(await chargeOf(free.record)).toMatchObject({ amountNanos: 0n });
    expect(await books.get(PayablesService).list(market.tenant)).toEqual([{ tenant: market.tenant, payee: node.payee, earnedNanos: 70n, drawnNanos: 0n, heldNanos: 0n, owedNanos: 70n }]);
    expect(await anomalies(first.record)).toEqual([]);
    expect(await books.faults()).toEqual([]);
  });

  it('charges for a request whatever was named with its id, or with one that follows from it, while it ran', async () => {
    const [first, second] = [admittedFacts(books.ids, market, lease, node), admittedFacts(books.ids, market, lease, node)];
    await market.book(recordOf(first), recordOf(second));
    const [one, other] = [{ keyId: books.ids.uuid(), tenant: null }, { keyId: books.ids.uuid(), tenant: null }];
    const hours = { validFromMs: 0, expiresAtMs: Date.UTC(2027, 0) };
    for (const id of [first.record, namedUuid('holdback', first.record), namedUuid('royalty', first.record)]) await books.get(Credits).grant({ actor: one, tenant: market.tenant, id, name: 'start', amountNanos: 5n, ...hours });
    const journal = books.get(JournalRpc);
    for (const name of ['bank', 'loan']) await journal.putAccount({ actor: one, name, currency: 'USD', leastNanos: null, mostNanos: null });
    await journal.reserve({ actor: one, id: second.record, note: 'by hand', currency: 'USD', legs: [{ debit: 'operator:bank', credit: 'operator:loan', amountNanos: 9n }], expiresAtMs: books.clock.nowMs() + 1_000 });
    for (let times = 0; times < 2; times += 1) await journal.post({ actor: other, id: second.record });
    await market.book(recordOf(completedFacts(first, node, 30)), recordOf(completedFacts(second, node, 40)));
    expect([await chargeOf(first.record), await chargeOf(second.record), await spent()]).toMatchObject([{ amountNanos: 30n }, { amountNanos: 40n }, 70n]);
    expect(await books.faults()).toEqual([]);
  });

  it('hides a charge from another tenant', async () => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, 3)));
    expect(await chargeOf(admitted.record)).toMatchObject({ amountNanos: 3n, inputTokens: 3 });
    expect(await chargeOf(admitted.record, (await openMarket(books, 1n)).tenant)).toBeUndefined();
  });

  it('keeps the first end of a record and names another one, in the same batch and later', async () => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, 10)), recordOf(completedFacts(admitted, node, 11)));
    await market.book(recordOf(completedFacts(admitted, node, 12)));
    expect(await spent()).toBe(10n);
    expect(await anomalies(admitted.record)).toEqual([anomalyKinds.completedConflict]);
  });

  it('books what was recorded and names a charge that is not usage × price, and one that is no amount', async () => {
    const [wrong, impossible, unknownPrice] = [0, 1, 2].map(() => admittedFacts(books.ids, market, lease, node));
    await market.book(recordOf(completedFacts(wrong!, node, 10, { chargeNanos: 11n })), recordOf(completedFacts(impossible!, node, 10, { chargeNanos: -5n })), recordOf(completedFacts(unknownPrice!, node, 10, { priceVersion: books.ids.uuid() })));
    expect(await spent()).toBe(21n);
    expect(await anomalies(wrong!.record)).toEqual([anomalyKinds.chargeMismatch]);
    expect(await anomalies(impossible!.record)).toEqual([anomalyKinds.chargeInvalid]);
    expect(await anomalies(unknownPrice!.record)).toEqual([anomalyKinds.priceUnknown]);
  });

  it('books usage of an unknown lease, of a stale fence, of a budget of another tenant and beyond the lease, and names each', async () => {
    const stranger = await openMarket(books, 50n);
    const foreign = await stranger.acquire('gateway-1', 10n);
    const [unknown, stale, stolen, over] = [
      admittedFacts(books.ids, market, { ...lease, lease: books.ids.uuid() }, node),
      admittedFacts(books.ids, market, { ...lease, fence: lease.fence - 1 }, node),
      admittedFacts(books.ids, market, foreign, node),
      admittedFacts(books.ids, market, lease, node),
    ];
    for (const admitted of [unknown, stale, stolen]) await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, 5)));
    await market.book(recordOf(over), recordOf(completedFacts(over, node, 2_500)));
    expect(await anomalies(unknown.record)).toEqual([anomalyKinds.unknownLease]);
    expect(await anomalies(stale.record)).toEqual([anomalyKinds.staleFence]);
    expect(await anomalies(stolen.record)).toEqual([anomalyKinds.unknownBudget]);
    expect(await anomalies(over.record)).toEqual([anomalyKinds.leaseOverrun]);
    expect(await budget()).toMatchObject({ spentNanos: 2_510n, leasedNanos: 0n });
    expect((await books.get(BudgetsService).list(stranger.tenant))[0]).toMatchObject({ spentNanos: 0n, leasedNanos: 10n });
    expect(await books.faults()).toEqual([]);
  });

  it('returns what the first lease kept when work begun again ends under another one', async () => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    await market.book(recordOf(admitted));
    books.clock.advance(limits.leaseTtlMs + limits.leaseGraceMs);
    await books.get(ReclaimService).runOnce();
    expect(await budget()).toMatchObject({ leasedNanos: 100n });
    const second = await market.acquire('gateway-2', 1_000n);
    const leasedNanos = (await budget()).leasedNanos;
    const again = { ...admitted, lease: second.lease, fence: second.fence, gateway: 'gateway-2' };
    await market.book(recordOf(again), recordOf(completedFacts(again, node, 30)));
    expect(await budget()).toMatchObject({ spentNanos: 30n, leasedNanos: leasedNanos - 100n - 30n });
    expect(await anomalies(admitted.record)).toEqual([]);
    expect(await books.faults()).toEqual([]);
  });

  it('leaves nothing behind when it is killed in mid-batch, and books all of it at the next delivery', async () => {
    const facts = Array.from({ length: 200 }, () => admittedFacts(books.ids, market, lease, node));
    const batch = facts.flatMap((admitted) => [recordOf(admitted), recordOf(completedFacts(admitted, node, 1))]);
    await market.book(...batch.slice(0, 2));
    await withClient(books.database.adminUrl, async (client) => {
      // Charges are inserted, leases and admissions changed, when the postings wait for this account.
      await client.query('BEGIN');
      await client.query('SELECT 1 FROM billing.accounts WHERE code = $1 FOR UPDATE', [`receivable:${market.tenant}`]);
      const booking = expect(market.book(...batch)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [await books.database.waiting()]);
      await booking;
      await client.query('ROLLBACK');
    });
    expect(await spent()).toBe(1n);
    expect(await books.faults()).toEqual([]);
    await market.book(...batch);
    expect(await spent()).toBe(200n);
    expect(await books.faults()).toEqual([]);
  });

  it('lets two instances book overlapping batches at once without charging twice', async () => {
    const facts = Array.from({ length: 120 }, () => admittedFacts(books.ids, market, lease, node));
    const records = facts.flatMap((admitted) => [recordOf(admitted), recordOf(completedFacts(admitted, node, 1))]);
    await Promise.all([market.book(...records), market.book(...[...records].reverse()), market.book(...records.slice(60)), market.book(...records.slice(0, 100))]);
    expect(await spent()).toBe(120n);
    expect(await books.faults()).toEqual([]);
  });

  it('keeps what a node earned before its enrolment was heard of, and gives it to the payee afterwards', async () => {
    const unheard = { ...node, id: books.ids.uuid() };
    const admitted = admittedFacts(books.ids, market, lease, unheard);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, unheard, 9, { receipt: signedBy(unheard, admitted, 9) })));
    expect(await books.get(PayablesService).list(market.tenant)).toEqual([]);
    await books.within((manager) => books.get(NodesStore).enrol(manager, { node: unheard.id, name: 'late', publicKey: node.publicKey, payoutAddress: `0x${'AB'.repeat(20)}` }));
    await books.get(AssignPayees).runOnce();
    await books.get(AssignPayees).runOnce();
    expect(await books.get(PayablesService).list(market.tenant)).toMatchObject([{ payee: `0x${'ab'.repeat(20)}`, owedNanos: 9n }]);
    expect(await books.faults()).toEqual([]);
  });

  it('keeps the receipt that came with a record, unless the node did not sign it', async () => {
    const [genuine, forged] = [admittedFacts(books.ids, market, lease, node), admittedFacts(books.ids, market, lease, node)];
    const other = await joinNode(books);
    await market.book(recordOf(completedFacts(genuine, node, 4, { receipt: signedBy(node, genuine, 4) })), recordOf(completedFacts(forged, node, 4, { receipt: signedBy({ ...node, privateKey: other.privateKey }, forged, 4) })));
    const { data } = await books.get(ClaimsRpc).list({ limit: 200, state: 'open' });
    expect(data.map(({ record }) => record)).not.toContain(genuine.record);
    expect(await anomalies(forged.record)).toEqual([anomalyKinds.receiptSignature]);
  });

  it('keeps the receipt that came with a record also when the node signed something else before; both stay to be seen', async () => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    const honest = signedBy(node, admitted, 4);
    await books.get(ReceiptsService).take([{ node: node.id, sequence: 1, signed: signedBy(node, admitted, 5) }]);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, 4, { receipt: honest })));
    expect(await receipts(admitted.record)).toEqual([{ input_tokens: '4', state: 'matched', reason: null }, { input_tokens: '5', state: 'claim', reason: 'usage_differs' }]);
    await books.get(ReceiptsService).take([{ node: node.id, sequence: 2, signed: honest }]);
    expect(await receipts(admitted.record)).toHaveLength(2);
    expect(await anomalies(admitted.record)).toEqual([anomalyKinds.receiptConflict]);
  });

  it.each([
    ['request', { requestHash: 'c'.repeat(64) }, {}],
    ['answer', {}, { responseHash: 'd'.repeat(64) }],
  ])('takes no receipt over another %s for that of the charge', async (_name, signed, ended) => {
    const admitted = admittedFacts(books.ids, market, lease, node);
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, 4, ended)));
    await books.get(ReceiptsService).take([{ node: node.id, sequence: 1, signed: signedBy(node, admitted, 4, signed) }]);
    expect(await receipts(admitted.record)).toEqual([{ input_tokens: '4', state: 'claim', reason: 'content_differs' }]);
  });
});
