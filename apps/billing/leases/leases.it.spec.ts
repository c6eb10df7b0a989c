import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { billingCalls, limits } from '#protocol';
import type { UsedLease } from '#protocol';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { ManualClock, openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import type { Budget } from '../budgets/budget.js';
import { BudgetsRpc } from '../budgets/budgets.rpc.js';
import { BudgetsStore } from '../budgets/budgets.store.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { LeasesService } from './leases.service.js';
import type { Lease } from './leases.service.js';
import { ReclaimService } from './reclaim.service.js';

const lifeMs = limits.leaseTtlMs + limits.leaseGraceMs;

describe('budget leases', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  const budget = async (): Promise<Budget> => (await books.get(BudgetsService).list(market.tenant))[0]!;
  const reclaim = (): Promise<number> => books.get(ReclaimService).runOnce();

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  });
  beforeEach(async () => {
    books.progress.laggingSinceMs = undefined;
    books.holders.gateways.clear();
    market = await openMarket(books, 10_000n);
  });
  afterAll(() => books.close());

  it('are of budgets that are listed page by page, each of its own organisation', async () => {
    const tenant = books.ids.uuid();
    for (let index = 0; index < 3; index += 1) await books.within((manager) => books.get(BudgetsStore).setLimit(manager, books.ids.uuid(), tenant, books.ids.uuid(), 0n), tenant);
    const page = (after?: string, limit?: number) => books.get(BudgetsRpc).list({ tenant, after, limit });
    const all = await page();
    expect([all.data.length, all.hasMore, (await page(undefined, 3)).hasMore, (await page(undefined, 2)).hasMore]).toEqual([3, false, false, true]);
    expect([...(await page(undefined, 2)).data, ...(await page(all.data[1]!.id, 2)).data]).toEqual(all.data);
    expect((await books.get(BudgetsRpc).list({ tenant: books.ids.uuid() })).data).toEqual([]);
  });

  it('never grant more than the budget to any number of gateways at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => market.acquire(`gateway-${index % 6}`, 400n, 300n)));
    const granted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.amountNanos] : []));
    expect(granted.reduce((sum, amount) => sum + amount, 0n)).toBeLessThanOrEqual(10_000n);
    expect(granted.length).toBeLessThan(60);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    expect(await books.faults()).toEqual([]);
  });

  it('grant a budget for one hold to exactly one of many', async () => {
    market = await openMarket(books, 100n);
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => market.acquire(`gateway-${index}`, 100n)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('are refused without a budget, and when not even the need is left', async () => {
    await expect(books.get(LeasesService).acquire({ tenant: market.tenant, project: books.ids.uuid(), gateway: 'g', needNanos: 1n, demandNanosPerSecond: 0n })).rejects.toMatchObject({ code: 'BUDGET_MISSING' });
    await expect(market.acquire('g', 10_001n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    await expect(market.acquire('g', -1n)).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
  });

  it('carry a fence that rises with each lease of a holder', async () => {
    const [first, second] = [await market.acquire('g', 1n), await market.acquire('g', 1n)];
    expect(second.fence).toBe(first.fence + 1);
    expect(await books.get(LeasesService).release(first.lease, 'g', second.fence)).toBe(false);
    expect(await books.get(LeasesService).release(first.lease, 'another', first.fence)).toBe(false);
    expect(await books.get(LeasesService).release(first.lease, 'g', first.fence)).toBe(true);
  });

  it('return what a dead holder did not use, less the holds of what it still has open', async () => {
    const lease = await market.acquire('g', 1_000n);
    const [done, open] = [admittedFacts(books.ids, market, lease, node), admittedFacts(books.ids, market, lease, node, { holdNanos: 300n })];
    await market.book(recordOf(done), recordOf(open), recordOf(completedFacts(done, node, 200)));
    books.clock.advance(lifeMs - 1);
    await reclaim();
    expect(await budget()).toMatchObject({ availableNanos: 9_000n, leasedNanos: 800n, spentNanos: 200n });
    books.clock.advance(1);
    await reclaim();
    expect(await budget()).toMatchObject({ availableNanos: 9_500n, leasedNanos: 300n, spentNanos: 200n });
    await market.book(recordOf(completedFacts(open, node, 120)));
    expect(await budget()).toMatchObject({ availableNanos: 9_680n, leasedNanos: 0n, spentNanos: 320n });
    expect(await books.faults()).toEqual([]);
  });

  it('book usage that comes after the return from what is left of the budget, and name it', async () => {
    const lease = await market.acquire('g', 1_000n);
    books.clock.advance(lifeMs);
    await reclaim();
    const late = admittedFacts(books.ids, market, lease, node);
    await market.book(recordOf(late), recordOf(completedFacts(late, node, 70)));
    expect(await budget()).toMatchObject({ availableNanos: 9_930n, leasedNanos: 0n, spentNanos: 70n });
    const found = await books.within((manager) => books.get(AnomaliesStore).list(manager), market.tenant);
    expect(found).toMatchObject([{ kind: 'late_lease_usage', subject: late.record, detail: { nanos: '70' } }]);
  });

  it('are not taken back while the books lag behind the records', async () => {
    await market.acquire('g', 1_000n);
    books.progress.laggingSinceMs = books.clock.nowMs();
    books.clock.advance(lifeMs);
    await reclaim();
    expect(await budget()).toMatchObject({ leasedNanos: 1_000n });
    books.progress.laggingSinceMs = undefined;
    await reclaim();
    expect(await budget()).toMatchObject({ leasedNanos: 0n });
  });

  it.each([3_600_000, 0, -3_600_000])('last as long as they were granted for after a restart, though the wall clock is set by %d ms between', async (byMs) => {
    await market.acquire('g', 1_000n);
    const released = await market.acquire('g', 500n);
    const restarted = await openBooks({}, books.database, new ManualClock(books.clock.nowMs() + byMs));
    try {
      const [leases, sweep] = [restarted.get(LeasesService), restarted.get(ReclaimService)];
      await leases.release(released.lease, 'g', released.fence);
      await sweep.runOnce();
      const again = { tenant: market.tenant, project: market.project, gateway: 'h', demandNanosPerSecond: 0n };
      await expect(leases.acquire({ ...again, needNanos: 9_001n })).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
      restarted.clock.advance(lifeMs - 1);
      await sweep.runOnce();
      await expect(leases.acquire({ ...again, needNanos: 9_001n })).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
      expect(await budget()).toMatchObject({ availableNanos: 9_000n, leasedNanos: 1_000n });
      restarted.clock.advance(1);
      expect(await leases.acquire({ ...again, needNanos: 9_001n })).toMatchObject({ budget: released.budget });
    } finally {
      await restarted.module.close();
    }
  });

  it.each([3_600_000, -3_600_000])('last as long as they were granted for, though the wall clock is set by %d ms', async (byMs) => {
    await market.acquire('g', 1_000n);
    books.clock.jump(byMs);
    books.clock.advance(lifeMs - 1);
    await reclaim();
    await expect(market.acquire('h', 9_001n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    expect(await budget()).toMatchObject({ leasedNanos: 1_000n });
    books.clock.advance(1);
    await reclaim();
    expect(await budget()).toMatchObject({ leasedNanos: 0n });
    books.clock.jump(-byMs);
  });

  it('give a released lease back to the next who needs it, at once', async () => {
    const lease = await market.acquire('g', 9_000n);
    await expect(market.acquire('h', 5_000n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    await books.get(LeasesService).release(lease.lease, 'g', lease.fence);
    expect(await market.acquire('h', 5_000n)).toMatchObject({ amountNanos: 5_000n });
    expect(await books.faults()).toEqual([]);
  });

  describe('recalled from a gateway that does not need them', () => {
    /** What the gateway says of its lease, to whoever asks. */
    const says = (gateway: string, ...said: UsedLease[]): void => void books.holders.gateways.set(gateway, () => said);
    const used = ({ lease, fence }: Lease, usedNanosMax: bigint): UsedLease => ({ lease, fence, usedNanosMax });

    it('are in the budget at once, for whoever is short, though the books lag behind', async () => {
      const lease = await market.acquire('g', 9_000n);
      books.progress.laggingSinceMs = 0;
      says('g', used(lease, 2_000n));
      expect(await market.acquire('h', 5_000n)).toMatchObject({ amountNanos: 5_000n });
      expect(await budget()).toMatchObject({ availableNanos: 3_000n, leasedNanos: 7_000n, spentNanos: 0n });
      expect(await books.faults()).toEqual([]);
    });

    it('give nothing when the same is said again, by another holder, under another fence, or after they were returned', async () => {
      const lease = await market.acquire('g', 9_000n);
      says('g', used(lease, 8_000n), used(lease, 7_000n), used({ ...lease, fence: 9 }, 0n), used({ ...lease, lease: books.ids.uuid() }, 0n));
      says('h', used(lease, 0n));
      await expect(market.acquire('h', 5_000n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
      await expect(market.acquire('h', 5_000n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
      expect(await budget()).toMatchObject({ availableNanos: 3_000n, leasedNanos: 7_000n });
      books.clock.advance(lifeMs);
      await reclaim();
      await books.get(LeasesService).release(lease.lease, 'g', lease.fence, 0n);
      expect(await budget()).toMatchObject({ availableNanos: 10_000n, leasedNanos: 0n });
      expect(await books.faults()).toEqual([]);
    });

    it('leave what is used or held, which is booked as ever, also when they close before the books hear of it', async () => {
      const lease = await market.acquire('g', 1_000n);
      const [ended, open] = [admittedFacts(books.ids, market, lease, node, { holdNanos: 600n }), admittedFacts(books.ids, market, lease, node, { holdNanos: 400n })];
      await market.book(recordOf(ended), recordOf(open));
      // The first has ended for 100; the books do not know yet.
      says('g', used(lease, 500n));
      await market.acquire('h', 9_500n);
      books.clock.advance(lifeMs);
      await reclaim();
      await market.book(recordOf(completedFacts(ended, node, 100)));
      await market.book(recordOf(completedFacts(open, node, 400)));
      expect(await budget()).toMatchObject({ spentNanos: 500n, leasedNanos: 0n, availableNanos: 9_500n });
      expect(await books.within((manager) => books.get(AnomaliesStore).list(manager), market.tenant)).toEqual([]);
      expect(await books.faults()).toEqual([]);
    });

    it('are asked for once by all who are short at the same time, and not while all that is out would not do', async () => {
      const lease = await market.acquire('g', 9_900n);
      let asked = 0;
      books.holders.gateways.set('g', () => ((asked += 1), [used(lease, 0n)]));
      await expect(market.acquire('h', 10_001n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
      expect(asked).toBe(0);
      await Promise.all(Array.from({ length: 10 }, (_, index) => market.acquire(`h${index}`, 900n)));
      expect(asked).toBeLessThanOrEqual(2);
    });

    it('are not waited for when their gateway is silent, and taken when it answers after all', async () => {
      const lease = await market.acquire('g', 9_000n);
      let answer: (said: readonly UsedLease[]) => void = () => undefined;
      books.holders.gateways.set('g', () => new Promise((resolve) => (answer = resolve)));
      await expect(market.acquire('h', 5_000n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
      answer([used(lease, 0n)]);
      while ((await budget()).availableNanos < 10_000n) await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await market.acquire('h', 5_000n)).toMatchObject({ amountNanos: 5_000n });
    });

    it('are not granted to whoever has gone by then: it took longer than is waited for', async () => {
      const lease = await market.acquire('g', 9_000n);
      books.holders.gateways.set('g', () => (books.clock.advance(billingCalls.acquireLease.timeoutMs), [used(lease, 0n)]));
      await expect(market.acquire('h', 5_000n)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      expect(await budget()).toMatchObject({ availableNanos: 10_000n, leasedNanos: 0n });
    });

    it('are asked for under every budget of the organisation, when what it may spend is out', async () => {
      const rest = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null, models: null, cacheSeconds: null, semanticCache: null, hedge: null, answers: null, responseSeconds: null };
      books.limits.apply(market.tenant, { ...rest, tenant: market.tenant, scope: 'organisation', subject: market.tenant, spend: { limitNanos: 1_000n, period: 'day' }, changedAtMs: 1 }, 1);
      const lease = await market.acquire('g', 900n);
      books.holders.gateways.set('g', (recall) => (recall.budget === null && recall.tenant === market.tenant ? [used(lease, 100n)] : []));
      expect(await market.acquire('h', 800n)).toMatchObject({ amountNanos: 800n });
    });
  });

  it('return what was not used at once when they are released by a holder that says how much it used', async () => {
    const lease = await market.acquire('g', 9_000n);
    books.progress.laggingSinceMs = 0;
    await books.get(LeasesService).release(lease.lease, 'g', lease.fence, 3_000n);
    expect(await market.acquire('h', 7_000n)).toMatchObject({ amountNanos: 7_000n });
    expect(await budget()).toMatchObject({ availableNanos: 0n, leasedNanos: 10_000n });
  });

  it('stop when the limit is lowered below what is out, and nothing is taken back', async () => {
    await market.acquire('g', 6_000n);
    await books.get(BudgetsService).put({ keyId: null, tenant: market.tenant, project: market.project, limitNanos: 5_000n });
    expect(await budget()).toMatchObject({ limitNanos: 5_000n, availableNanos: -1_000n, leasedNanos: 6_000n });
    await expect(market.acquire('h', 1n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    expect(await books.faults()).toEqual([]);
  });

  it('need a limit that is an amount, of a project that is known', async () => {
    const put = (project: string, limitNanos: bigint): Promise<unknown> => books.get(BudgetsService).put({ keyId: null, tenant: market.tenant, project, limitNanos });
    await expect(put(market.project, -1n)).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
    await expect(put(books.ids.uuid(), 1n)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
