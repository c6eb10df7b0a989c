import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { limits } from '#protocol';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import type { Budget } from '../budgets/budget.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { LeasesService } from './leases.service.js';
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
  }, 120_000);
  beforeEach(async () => {
    books.progress.laggingSinceMs = undefined;
    market = await openMarket(books, 10_000n);
  });
  afterAll(() => books.close());

  it('never grant more than the budget to any number of gateways at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => market.acquire(`gateway-${index % 6}`, 400n, 300n)));
    const granted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.amountNanos] : []));
    expect(granted.reduce((sum, amount) => sum + amount, 0n)).toBeLessThanOrEqual(10_000n);
    expect(granted.length).toBeLessThan(60);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    expect(await books.faults()).toEqual([]);
  }, 120_000);

  it('grant a budget for one hold to exactly one of many', async () => {
    market = await openMarket(books, 100n);
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => market.acquire(`gateway-${index}`, 100n)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  }, 120_000);

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
