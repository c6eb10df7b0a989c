import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AdmittedFacts, LogRecord } from '#protocol';
import { isDomainError } from '#kernel';
import { limits } from '#protocol';
import { openBooks } from '../books-harness.js';
import type { Books } from '../books-harness.js';
import { LeasesService } from '../leases/leases.service.js';
import type { Lease } from '../leases/leases.service.js';
import { ReclaimService } from '../leases/reclaim.service.js';
import { PayablesService } from '../payables/payables.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import { BudgetsService } from './budgets.service.js';

type Command =
  | { do: 'acquire'; gateway: number; need: number; demand: number }
  | { do: 'admit'; lease: number; hold: number }
  | { do: 'complete'; admission: number; share: number; times: number }
  | { do: 'release'; lease: number }
  | { do: 'wait' }
  | { do: 'limit'; limit: number }
  | { do: 'draw' };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constant('acquire' as const), gateway: fc.nat(2), need: fc.nat(3_000), demand: fc.nat(2_000) }),
  fc.record({ do: fc.constant('admit' as const), lease: fc.nat(5), hold: fc.integer({ min: 1, max: 1_500 }) }),
  fc.record({ do: fc.constant('complete' as const), admission: fc.nat(9), share: fc.nat(100), times: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ do: fc.constant('release' as const), lease: fc.nat(5) }),
  fc.constant({ do: 'wait' as const }),
  fc.record({ do: fc.constant('limit' as const), limit: fc.nat(12_000) }),
  fc.constant({ do: 'draw' as const }),
);

/** What a careful gateway and its books would say, in a dozen lines of memory. */
class Model {
  limit = 10_000n;
  spent = 0n;
  drawn = 0n;
  leases: { lease: Lease; gateway: string; left: bigint; usable: boolean }[] = [];
  admissions: { facts: AdmittedFacts; done: bigint | undefined }[] = [];
  /** Delivered again now and then. */
  records: LogRecord[] = [];
}

describe('the books, against a model, under random commands', () => {
  let books: Books;
  let node: TestNode;
  beforeAll(async () => {
    books = await openBooks();
    node = await joinNode(books);
  }, 60_000);
  afterAll(() => books.close());

  const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(list.length, 1)];

  async function run(market: Market, model: Model, step: Command): Promise<void> {
    switch (step.do) {
      case 'acquire': {
        const gateway = `gateway-${step.gateway}`;
        try {
          const lease = await market.acquire(gateway, BigInt(step.need), BigInt(step.demand));
          model.leases.push({ lease, gateway, left: lease.amountNanos, usable: true });
        } catch (error) {
          if (!isDomainError(error, 'BUDGET_EXHAUSTED')) throw error;
        }
        return;
      }
      case 'admit': {
        const held = pick(model.leases, step.lease);
        const hold = BigInt(step.hold);
        if (!held?.usable || held.left < hold) return;
        held.left -= hold;
        const facts = admittedFacts(books.ids, market, held.lease, node, { holdNanos: hold });
        model.admissions.push({ facts, done: undefined });
        model.records.push(recordOf(facts));
        return market.book(recordOf(facts));
      }
      case 'complete': {
        const admission = pick(model.admissions, step.admission);
        if (!admission) return;
        const tokens = admission.done ?? (admission.facts.holdNanos * BigInt(step.share)) / 100n;
        const record = recordOf(completedFacts(admission.facts, node, Number(tokens)));
        if (admission.done === undefined) {
          model.spent += tokens;
          admission.done = tokens;
          const held = model.leases.find(({ lease }) => lease.lease === admission.facts.lease);
          if (held?.usable) held.left += admission.facts.holdNanos - tokens;
        }
        model.records.push(record);
        return market.book(...Array<LogRecord>(step.times).fill(record), ...model.records.slice(-3));
      }
      case 'release': {
        const held = pick(model.leases, step.lease);
        if (!held) return;
        held.usable = false;
        await books.get(LeasesService).release(held.lease.lease, held.gateway, held.lease.fence);
        return;
      }
      case 'wait': {
        books.clock.advance(limits.leaseTtlMs + limits.leaseGraceMs + 1);
        for (const held of model.leases) held.usable = false;
        await books.get(ReclaimService).runOnce();
        return;
      }
      case 'limit': {
        model.limit = BigInt(step.limit);
        await books.get(BudgetsService).put({ keyId: null, tenant: market.tenant, project: market.project, limitNanos: model.limit });
        return;
      }
      case 'draw': {
        if (model.drawn > 0n || model.spent < 1_000n) return;
        model.drawn = (await books.get(PayablesService).draw(books.ids.uuid(), market.tenant)).totalUnits * 1_000n;
        expect(model.drawn).toBe(model.spent - (model.spent % 1_000n));
        return;
      }
    }
  }

  it('spend what was spent, hold what is held, never overspend, and balance after every step', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
        const market = await openMarket(books, 10_000n);
        const model = new Model();
        let limitHigh = model.limit;
        for (const step of commands) {
          await run(market, model, step);
          limitHigh = model.limit > limitHigh ? model.limit : limitHigh;
          const [budget] = await books.get(BudgetsService).list(market.tenant);
          expect(budget).toMatchObject({ limitNanos: model.limit, spentNanos: model.spent });
          expect(budget!.availableNanos + budget!.leasedNanos).toBe(model.limit - model.spent);
          expect(budget!.leasedNanos).toBeGreaterThanOrEqual(0n);
          expect(model.spent).toBeLessThanOrEqual(limitHigh);
        }
        const [owed] = await books.get(PayablesService).list(market.tenant);
        expect(owed?.earnedNanos ?? 0n).toBe(model.spent);
        await books.get(ReclaimService).runOnce();
        await market.book(...model.records);
        for (const { facts, done } of model.admissions) if (done === undefined) await market.book(recordOf(completedFacts(facts, node, 0)));
        await run(market, model, { do: 'wait' });
        expect((await books.get(BudgetsService).list(market.tenant))[0]).toMatchObject({ leasedNanos: 0n, spentNanos: model.spent });
        expect(await books.faults()).toEqual([]);
      }),
      { numRuns: 25, seed: 20_260_101 },
    );
  }, 120_000);
});
