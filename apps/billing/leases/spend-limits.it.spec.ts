import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LeaseRecall, LimitScope, SpendLimit } from '#protocol';
import { openBooks, testTenant } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import type { Lease } from './leases.service.js';
import { LeasesService } from './leases.service.js';
import { ReclaimService } from './reclaim.service.js';

const dayMs = 86_400_000;

describe('a limit of spend in a period', () => {
  let books: Books;
  let market: Market;
  let node: TestNode;
  let key: string;
  let revision = 1;

  const limit = (scope: LimitScope, subject: string, spend: SpendLimit | null, tenant = market.tenant): void => {
    const rest = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null, models: null, cacheSeconds: null, semanticCache: null, hedge: null, answers: null, responseSeconds: null };
    books.limits.apply(subject, { ...rest, tenant, scope, subject, spend, changedAtMs: 1 }, (revision += 1));
  };
  const perDay = (limitNanos: bigint): SpendLimit => ({ limitNanos, period: 'day' });
  /** A request of so many nanos under a lease, from its admission to its charge. */
  const spend = async (lease: Lease, nanos: number, keyId = key): Promise<void> => {
    const admitted = admittedFacts(books.ids, market, lease, node, { keyId, holdNanos: BigInt(nanos) });
    await market.book(recordOf(admitted), recordOf(completedFacts(admitted, node, nanos, { completedAtMs: books.clock.nowMs() })));
  };
  const refusal = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'granted', (error: unknown) => error);

  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  });
  beforeEach(async () => {
    books.holders.gateways.clear();
    market = await openMarket(books, 1_000_000n);
    key = books.ids.uuid();
  });
  afterAll(() => books.close());

  it('is never passed by any number of gateways, and says whose it is and when the next period begins', async () => {
    limit('project', market.project, perDay(1_000n));
    const results = await Promise.allSettled(Array.from({ length: 40 }, (_, index) => market.acquire(`gateway-${index % 8}`, 90n, 100n)));
    const granted = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.amountNanos] : []));
    const sum = granted.reduce((total, amount) => total + amount, 0n);
    expect(sum).toBeLessThanOrEqual(1_000n);
    expect(sum).toBeGreaterThan(900n);
    const midnight = new Date(books.clock.nowMs() - (books.clock.nowMs() % dayMs) + dayMs).toISOString();
    expect(await refusal(market.acquire('gateway-1', 91n))).toMatchObject({ code: 'SPEND_LIMIT_REACHED', message: expect.stringContaining(midnight) as unknown, details: { scope: 'project' } });
    expect(await books.faults()).toEqual([]);
  });

  it('counts what was spent and what is out, and what comes back may be spent again', async () => {
    limit('project', market.project, perDay(1_000n));
    const lease = await market.acquire('g', 600n);
    await spend(lease, 200);
    expect(await refusal(market.acquire('g', 401n))).toMatchObject({ code: 'SPEND_LIMIT_REACHED' });
    await books.get(LeasesService).release(lease.lease, 'g', lease.fence);
    expect((await market.acquire('g', 800n)).amountNanos).toBe(800n);
    expect(await refusal(market.acquire('g', 1n))).toMatchObject({ code: 'SPEND_LIMIT_REACHED' });
  });

  it('begins anew with the next period, less what is still out in leases of the last', async () => {
    limit('organisation', market.tenant, perDay(1_000n));
    books.clock.advance(dayMs - (books.clock.nowMs() % dayMs) - 1);
    const lease = await market.acquire('g', 1_000n);
    await spend(lease, 600);
    books.clock.advance(1);
    expect(await refusal(market.acquire('h', 601n))).toMatchObject({ code: 'SPEND_LIMIT_REACHED' });
    expect((await market.acquire('h', 600n)).amountNanos).toBe(600n);
  });

  it('in total never begins anew, and says so', async () => {
    limit('organisation', market.tenant, { limitNanos: 1_000n, period: 'total' });
    await spend(await market.acquire('g', 600n), 600);
    books.clock.advance(400 * dayMs);
    const refused = (await refusal(market.acquire('h', 401n))) as { details: object };
    expect(refused).toMatchObject({ code: 'SPEND_LIMIT_REACHED', details: { scope: 'organisation' } });
    expect(Object.keys(refused.details)).toEqual(['scope']);
    expect((await market.acquire('h', 400n)).amountNanos).toBe(400n);
  });

  it('of an organisation binds all of its projects together', async () => {
    const second = books.ids.uuid();
    const entry = books.tenants.get(market.tenant)!;
    books.tenants.apply(market.tenant, { ...entry, projects: [...entry.projects, { id: second, name: 'chat', defaultClass: 'internal' }] }, (revision += 1));
    await books.get(BudgetsService).put({ keyId: null, tenant: market.tenant, project: second, limitNanos: 10_000n });
    limit('organisation', market.tenant, perDay(1_000n));
    const lease = (project: string) => books.get(LeasesService).acquire({ tenant: market.tenant, project, gateway: 'g', needNanos: 100n, demandNanosPerSecond: 0n });
    const results = await Promise.allSettled(Array.from({ length: 24 }, (_, index) => lease(index % 2 === 0 ? market.project : second)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  it('of a key binds the key alone, also over periods in which its charges came before their admissions', async () => {
    limit('key', key, perDay(500n));
    const lease = await market.acquire('g', 300n, 0n, key);
    const admitted = admittedFacts(books.ids, market, lease, node, { keyId: key, holdNanos: 300n });
    await market.book(recordOf(completedFacts(admitted, node, 300, { completedAtMs: books.clock.nowMs() })));
    expect(await refusal(market.acquire('g', 201n, 0n, key))).toMatchObject({ code: 'SPEND_LIMIT_REACHED', details: { scope: 'key' } });
    await market.book(recordOf(admitted));
    expect(await refusal(market.acquire('g', 201n, 0n, key))).toMatchObject({ code: 'SPEND_LIMIT_REACHED' });
    expect((await market.acquire('g', 900n)).amountNanos).toBe(900n);
    expect((await market.acquire('g', 200n, 0n, key)).amountNanos).toBe(200n);
    expect(await refusal(market.acquire('g', 1n, 0n, key))).toMatchObject({ code: 'SPEND_LIMIT_REACHED' });
  });

  it('has that alone asked back which it counts, and nothing where all of that would not do', async () => {
    limit('key', key, perDay(500n));
    limit('organisation', market.tenant, perDay(6_000n));
    await market.acquire('g', 5_000n);
    const own = await market.acquire('g', 400n, 0n, key);
    const asked: LeaseRecall[] = [];
    books.holders.gateways.set('g', (recall) => (asked.push(recall), [{ lease: own.lease, fence: own.fence, usedNanosMax: 300n }]));
    // Of the organisation's 6,000 so much would come back; of the key's 500 it would not.
    expect(await refusal(market.acquire('h', 901n, 0n, key))).toMatchObject({ code: 'SPEND_LIMIT_REACHED', details: { scope: 'organisation' } });
    expect(asked).toEqual([]);
    expect(await market.acquire('h', 150n, 0n, key)).toMatchObject({ amountNanos: 150n });
    expect(asked).toEqual([{ tenant: market.tenant, budget: own.budget, keyId: key }]);
    limit('project', market.project, perDay(5_500n));
    expect(await refusal(market.acquire('h', 100n))).toMatchObject({ code: 'SPEND_LIMIT_REACHED', details: { scope: 'project' } });
    expect(asked.slice(1)).toEqual([{ tenant: market.tenant, budget: own.budget }]);
    limit('organisation', market.tenant, perDay(5_500n));
    expect(await refusal(market.acquire('h', 100n))).toMatchObject({ code: 'SPEND_LIMIT_REACHED', details: { scope: 'organisation' } });
    expect(asked.slice(2)).toEqual([{ tenant: market.tenant, budget: null }]);
  });

  it('has nobody asked for what its key has spent, however often that is tried', async () => {
    limit('key', key, perDay(500n));
    await market.acquire('g', 5_000n);
    await spend(await market.acquire('g', 500n, 0n, key), 500);
    let asked = 0;
    books.holders.gateways.set('g', () => ((asked += 1), []));
    for (let n = 0; n < 5; n += 1) expect(await refusal(market.acquire('h', 1n, 0n, key))).toMatchObject({ code: 'SPEND_LIMIT_REACHED' });
    expect(asked).toBe(0);
  });

  it("is not another organisation's to set", async () => {
    limit('project', market.project, perDay(0n), testTenant(books.ids).entry.tenant);
    expect((await market.acquire('g', 900n)).amountNanos).toBe(900n);
  });

  it('holds in every period for any course of leases, charges, returns and time', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('acquire' as const), gateway: fc.integer({ min: 0, max: 2 }), need: fc.integer({ min: 1, max: 600 }), demand: fc.integer({ min: 0, max: 600 }) }) },
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('spend' as const), share: fc.constantFrom(0.3, 1), at: fc.integer({ min: 0, max: 9 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.constantFrom(1_000, 36_000, dayMs / 4) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40 }), async (steps) => {
        market = await openMarket(books, 1_000_000n);
        limit('project', market.project, perDay(500n));
        const open: { lease: Lease; gateway: string; left: number }[] = [];
        for (const one of steps) {
          if (one.kind === 'acquire') {
            const gateway = `gateway-${one.gateway}`;
            const lease = await market.acquire(gateway, BigInt(one.need), BigInt(one.demand)).catch(() => undefined);
            if (lease) open.push({ lease, gateway, left: Number(lease.amountNanos) });
          } else if (one.kind === 'spend' && open.length > 0) {
            const from = open[one.at % open.length]!;
            const nanos = Math.floor(from.left * one.share);
            from.left -= nanos;
            await spend(from.lease, nanos);
          } else if (one.kind === 'release' && open.length > 0) {
            const { lease, gateway } = open.pop()!;
            await books.get(LeasesService).release(lease.lease, gateway, lease.fence);
          } else if (one.kind === 'time') {
            books.clock.advance(one.byMs);
            // Holders have stopped using what the issuer takes back.
            open.splice(0);
            await books.get(ReclaimService).runOnce();
          }
        }
        const days = await books.within((manager) => manager.query<{ nanos: string }[]>(`SELECT sum(amount_nanos) AS nanos FROM billing.usage_hours GROUP BY hour_ms / ${dayMs}`), market.tenant);
        for (const { nanos } of days) expect(BigInt(nanos)).toBeLessThanOrEqual(500n);
      }),
      { numRuns: 20, seed: 20 },
    );
    expect(await books.faults()).toEqual([]);
  });
});
