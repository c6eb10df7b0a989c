import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDomainError } from '#kernel';
import { failure, limits } from '#protocol';
import type { UsedLease } from '#protocol';
import { ManualClock, uuidOf } from '../examples.js';
import type { Hold } from './lease-account.js';
import { LeaseIssuer } from './lease-issuer.js';
import type { Lease, LeaseRequest } from './lease-issuer.js';
import { LeaseBook } from './reserve.js';

const tenant = uuidOf(1);
const project = uuidOf(3);

/** A budget that grants what is needed times `generosity` while it lasts. */
class MemoryBudget extends LeaseIssuer {
  asked = 0;
  inFlight = 0;
  inFlightMax = 0;
  readonly released: string[] = [];
  protected readonly granted = new Map<string, bigint>();
  private next = 0;

  constructor(
    public available: bigint,
    private readonly generosity = 1n,
  ) {
    super();
  }

  async acquire({ needNanos }: LeaseRequest): Promise<Lease> {
    this.asked += 1;
    this.inFlightMax = Math.max(this.inFlightMax, (this.inFlight += 1));
    await new Promise((resolve) => setImmediate(resolve));
    this.inFlight -= 1;
    if (this.available < needNanos) throw failure('BUDGET_EXHAUSTED', 'the budget is spent');
    const wanted = needNanos * this.generosity;
    const amountNanos = wanted < this.available ? wanted : this.available;
    this.available -= amountNanos;
    const lease = uuidOf((this.next += 1));
    this.granted.set(lease, amountNanos);
    return { lease, budget: uuidOf(9), amountNanos, fence: this.next, ttlMs: limits.leaseTtlMs };
  }

  async release({ lease }: UsedLease): Promise<void> {
    this.released.push(lease);
    this.available += this.granted.get(lease) ?? 0n;
    this.granted.delete(lease);
  }
}

/** Remembers for which keys leases were asked. */
class WatchedBudget extends MemoryBudget {
  readonly asks: (string | undefined)[] = [];

  override acquire(request: LeaseRequest): Promise<Lease> {
    this.asks.push(request.keyId);
    return super.acquire(request);
  }
}

describe('the lease book', () => {
  let clock: ManualClock;
  beforeEach(() => {
    clock = new ManualClock();
  });
  const settled = async (holds: Promise<Hold>[]): Promise<{ admitted: Hold[]; codes: string[] }> => {
    const results = await Promise.allSettled(holds);
    return {
      admitted: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
      codes: results.flatMap((result) => (result.status === 'rejected' ? [isDomainError(result.reason) ? result.reason.code : String(result.reason)] : [])),
    };
  };

  it('admits exactly one of many parallel requests when the budget holds one', async () => {
    const budget = new MemoryBudget(10n);
    const book = new LeaseBook(budget, clock);
    const { admitted, codes } = await settled(Array.from({ length: 50 }, () => book.hold(tenant, project, 10n)));
    expect(admitted).toHaveLength(1);
    expect(codes).toEqual(Array.from({ length: 49 }, () => 'BUDGET_EXHAUSTED'));
    expect(budget.inFlightMax).toBe(1);
    expect(budget.asked).toBeLessThanOrEqual(3);
  });

  it('buys one lease for many requests and spends it without asking again', async () => {
    const budget = new MemoryBudget(10_000n, 100n);
    const book = new LeaseBook(budget, clock);
    const { admitted } = await settled(Array.from({ length: 100 }, () => book.hold(tenant, project, 10n)));
    expect(admitted).toHaveLength(100);
    expect(budget.asked).toBe(1);
  });

  it('returns what a job did not use', async () => {
    const budget = new MemoryBudget(10n);
    const book = new LeaseBook(budget, clock);
    const hold = await book.hold(tenant, project, 10n);
    book.settle(hold, 4n);
    book.settle(hold, 0n);
    expect((await book.hold(tenant, project, 6n)).lease).toBe(hold.lease);
    await expect(book.hold(tenant, project, 1n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
  });

  it('refuses a job that costs more than was reserved for it: a defect of ours', async () => {
    const book = new LeaseBook(new MemoryBudget(10n), clock);
    const hold = await book.hold(tenant, project, 10n);
    expect(() => book.settle(hold, 11n)).toThrow('assertion failed');
  });

  it('stops using a lease at 0.8 of its time, counted from when it was asked for, and hands it in', async () => {
    const budget = new MemoryBudget(20n);
    const book = new LeaseBook(budget, clock);
    const first = await book.hold(tenant, project, 10n);
    book.settle(first, 0n);
    clock.ms += limits.leaseTtlMs * limits.leaseUsableShare - 1;
    expect((await book.hold(tenant, project, 1n)).lease).toBe(first.lease);
    clock.ms += 1;
    const second = await book.hold(tenant, project, 10n);
    expect(second.lease).not.toBe(first.lease);
  });

  it('conformance 33: hands small remainders in when the budget is spent and asks once more', async () => {
    const budget = new MemoryBudget(10n);
    const book = new LeaseBook(budget, clock);
    const holds = await Promise.all([book.hold(tenant, project, 5n), book.hold(tenant, project, 5n)]);
    for (const hold of holds) book.settle(hold, 0n);
    expect((await book.hold(tenant, project, 10n)).amountNanos).toBe(10n);
    expect(budget.released).toHaveLength(2);
  });

  it('lets a small job through after a larger one was refused', async () => {
    const book = new LeaseBook(new MemoryBudget(5n), clock);
    const { admitted, codes } = await settled([book.hold(tenant, project, 100n), book.hold(tenant, project, 5n)]);
    expect(admitted.map(({ amountNanos }) => amountNanos)).toEqual([5n]);
    expect(codes).toEqual(['BUDGET_EXHAUSTED']);
  });

  it('has leases of its own for a key whose spend is limited, and hands those of others in when they are in its way', async () => {
    const budget = new WatchedBudget(20n, 2n);
    const book = new LeaseBook(budget, clock);
    book.settle(await book.hold(tenant, project, 5n, uuidOf(4)), 0n);
    book.settle(await book.hold(tenant, project, 5n), 0n);
    book.settle(await book.hold(tenant, project, 5n, uuidOf(4)), 0n);
    expect(budget.asks).toEqual([uuidOf(4), undefined]);
    expect((await book.hold(tenant, project, 20n)).amountNanos).toBe(20n);
    expect(budget.released).toHaveLength(2);
  });

  it('gives up what no hold is on when it is recalled, tells how much it may still use, and uses no more', async () => {
    const budget = new MemoryBudget(30n, 3n);
    const book = new LeaseBook(budget, clock);
    const open = await book.hold(tenant, project, 10n);
    expect(book.recall({ tenant: uuidOf(2), budget: null })).toEqual([]);
    expect(book.recall({ tenant, budget: uuidOf(8) })).toEqual([]);
    expect(book.recall({ tenant, budget: open.budget })).toEqual([{ lease: open.lease, fence: open.fence, usedNanosMax: 10n }]);
    await expect(book.hold(tenant, project, 1n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    // What a hold did not need is there again: for the next request, or the next recall.
    book.settle(open, 4n);
    expect((await book.hold(tenant, project, 2n)).lease).toBe(open.lease);
    const said = [{ lease: open.lease, fence: open.fence, usedNanosMax: 6n }];
    expect(book.recall({ tenant, budget: null })).toEqual(said);
    // The answer may be lost, or not be booked yet where somebody else asks.
    expect(book.recall({ tenant, budget: open.budget })).toEqual(said);
  });

  it('gives up the leases of one key alone when these are recalled', async () => {
    const book = new LeaseBook(new MemoryBudget(100n), clock);
    const [ofKey, ofProject] = [await book.hold(tenant, project, 10n, uuidOf(4)), await book.hold(tenant, project, 10n)];
    for (const hold of [ofKey, ofProject]) book.settle(hold, 3n);
    expect(book.recall({ tenant, budget: ofKey.budget, keyId: uuidOf(4) })).toEqual([{ lease: ofKey.lease, fence: ofKey.fence, usedNanosMax: 3n }]);
    expect((await book.hold(tenant, project, 7n)).lease).toBe(ofProject.lease);
  });

  it.each<[string, string, Record<string, unknown>, string[]]>([
    ['a key’s spend', 'SPEND_LIMIT_REACHED', { scope: 'key' }, ['key']],
    ['a project’s spend', 'SPEND_LIMIT_REACHED', { scope: 'project' }, ['key', 'project']],
    ['an organisation’s spend', 'SPEND_LIMIT_REACHED', { scope: 'organisation' }, ['key', 'project', 'other project']],
    ['a budget', 'BUDGET_EXHAUSTED', { budget: uuidOf(9) }, ['key', 'project']],
    ['a deposit', 'EXPOSURE_EXCEEDED', {}, ['key', 'project', 'other project']],
  ])('hands in what counts towards %s when that is refused, and no more', async (_what, code, details, handedIn) => {
    class Refusing extends MemoryBudget {
      refuses = false;
      override acquire(request: LeaseRequest): Promise<Lease> {
        return this.refuses ? Promise.reject(failure(code as 'BUDGET_EXHAUSTED', 'no', details)) : super.acquire(request);
      }
    }
    const budget = new Refusing(1_000n);
    const book = new LeaseBook(budget, clock);
    const names = new Map<string, string>();
    for (const [name, of, keyId] of [['key', project, uuidOf(4)], ['project', project, undefined], ['other project', uuidOf(5), undefined]] as const) {
      const hold = await book.hold(tenant, of, 10n, keyId);
      names.set(hold.lease, name);
      book.settle(hold, 3n);
    }
    budget.refuses = true;
    await expect(book.hold(tenant, project, 100n, uuidOf(4))).rejects.toMatchObject({ code });
    expect(budget.released.map((lease) => names.get(lease))).toEqual(handedIn);
  });

  it('does not hand in what it gave up', async () => {
    const budget = new MemoryBudget(10n);
    const book = new LeaseBook(budget, clock);
    book.settle(await book.hold(tenant, project, 10n), 3n);
    book.recall({ tenant, budget: null });
    await book.close(1_000);
    expect(budget.released).toEqual([]);
  });

  it('hands everything in when it closes and admits nothing more', async () => {
    const budget = new MemoryBudget(10n);
    const book = new LeaseBook(budget, clock);
    book.settle(await book.hold(tenant, project, 10n), 3n);
    await book.close(1_000);
    expect(budget.released).toHaveLength(1);
    await expect(book.hold(tenant, project, 1n)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  it('never has more in open holds and spent than the budget held, in any order of events', async () => {
    const step = fc.record({ amount: fc.integer({ min: 1, max: 40 }), spent: fc.integer({ min: 0, max: 100 }), keepOpen: fc.boolean(), waitMs: fc.integer({ min: 0, max: 15_000 }), recall: fc.constantFrom('none', 'heard', 'lost') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.bigInt(0n, 200n), fc.bigInt(1n, 5n), async (steps, limit, generosity) => {
        const time = new ManualClock();
        const spentBy = new Map<string, bigint>();
        // Handing a lease in gives back what was not spent under it, as billing does.
        class Budget extends MemoryBudget {
          override async release(lease: UsedLease): Promise<void> {
            await super.release(lease);
            this.available -= spentBy.get(lease.lease) ?? 0n;
          }
          /** What a holder says on a recall; less than it says is given up by now, should it have said so before. */
          hear(said: readonly UsedLease[]): void {
            for (const { lease, usedNanosMax } of said) {
              expect(usedNanosMax >= (spentBy.get(lease) ?? 0n)).toBe(true);
              this.available += this.granted.get(lease)! - usedNanosMax;
              this.granted.set(lease, usedNanosMax);
            }
          }
        }
        const budget = new Budget(limit, generosity);
        const book = new LeaseBook(budget, time);
        let used = 0n;
        for (const { amount, spent, keepOpen, waitMs, recall } of steps) {
          time.ms += waitMs;
          const given = recall === 'none' ? [] : book.recall({ tenant, budget: null });
          if (recall === 'heard') budget.hear(given);
          const hold = await book.hold(tenant, project, BigInt(amount)).catch((error: unknown) => {
            if (!isDomainError(error, 'BUDGET_EXHAUSTED')) throw error;
          });
          if (!hold) continue;
          const actual = keepOpen ? hold.amountNanos : (hold.amountNanos * BigInt(spent)) / 100n;
          used += actual;
          spentBy.set(hold.lease, (spentBy.get(hold.lease) ?? 0n) + actual);
          if (!keepOpen) book.settle(hold, actual);
          expect(used <= limit).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
