import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDomainError } from '#kernel';
import { withClient } from '#local';
import { limits } from '#protocol';
import type { LogRecord } from '#protocol';
import type { PeriodicTask } from '#service';
import { AdmissionSweeper } from './admissions/admission-sweeper.service.js';
import { monthAt, ModelBills } from './bills-model-harness.js';
import { billCommands, BillWalk, currencies, isBillCommand } from './bills-walk-harness.js';
import type { BillSide } from './bills-walk-harness.js';
import { openBooks } from './books-harness.js';
import type { Books } from './books-harness.js';
import { ModelBooks } from './books-model-harness.js';
import type { ModelAdmission, ModelRule } from './books-model-harness.js';
import { BudgetsService } from './budgets/budgets.service.js';
import { CloseTimer } from './closes/close-timer.service.js';
import { OwnBooksStore } from './closes/own-books.store.js';
import { Corrections } from './corrections/corrections.service.js';
import { Credits } from './credits/credits.service.js';
import { forfeitAdjustmentId } from './holdbacks/holdback-transfers.js';
import { Holdbacks } from './holdbacks/holdbacks.service.js';
import { journalCommands, JournalWalk } from './journal-walk-harness.js';
import { Journal } from './journal/journal.service.js';
import { LeasesService } from './leases/leases.service.js';
import { RecallService } from './leases/recall.service.js';
import { ReclaimService } from './leases/reclaim.service.js';
import { PayablesService } from './payables/payables.service.js';
import { PriceChanges } from './price-changes/price-changes.service.js';
import { priceCommands, PriceWalk, tokenPrices } from './prices-walk-harness.js';
import { admittedFacts, completedFacts, openMarket, recordOf } from './records-harness.js';
import type { Market } from './records-harness.js';
import { UsageRpc } from './usage/usage.rpc.js';

/** Random commands in all; a soak runs more of them. */
const commandsInAll = Number(process.env['MIZAN_BOOKS_COMMANDS'] ?? 400);
const commandsPerRun = 200;
/** A few seconds are usual; the rest is for making a failing list of commands shorter. */
const timeLimitMs = Math.max(80_000, commandsInAll * 60);
const hourMs = 3_600_000;
/** Limits, needs and holds are in these: a request costs up to a few dollars. */
const unit: bigint = tokenPrices[0];
const keys = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;
/** Charges that are no amount of money: booked as zero, and named. */
const noAmounts = [-1n, 2n ** 63n, -(2n ** 70n)] as const;

const of = <Name extends string, T extends Record<string, fc.Arbitrary<unknown>>>(name: Name, members: T) =>
  fc.record({ do: fc.constant(name), tenant: fc.nat(1), ...members }) as fc.Arbitrary<{ do: Name; tenant: number } & { [K in keyof T]: T[K] extends fc.Arbitrary<infer V> ? V : never }>;

const command = fc.oneof(
  { arbitrary: of('acquire', { gateway: fc.nat(2), need: fc.nat(3_000), demand: fc.nat(2_000) }), weight: 4 },
  { arbitrary: of('admit', { lease: fc.nat(), hold: fc.integer({ min: 1, max: 1_500 }), key: fc.nat(1), hour: fc.nat(3), held: fc.boolean() }), weight: 7 },
  { arbitrary: of('complete', { admission: fc.nat(), share: fc.nat(130), times: fc.integer({ min: 1, max: 3 }) }), weight: 7 },
  { arbitrary: of('misprice', { admission: fc.nat(), charge: fc.constantFrom(...noAmounts) }), weight: 1 },
  { arbitrary: of('contradict', { admission: fc.nat(), tokens: fc.nat(500) }), weight: 2 },
  { arbitrary: of('redeliver', { from: fc.nat(), count: fc.integer({ min: 1, max: 30 }), reversed: fc.boolean(), writers: fc.integer({ min: 1, max: 3 }) }), weight: 3 },
  { arbitrary: of('kill', { admission: fc.nat(), share: fc.nat(100) }), weight: 1 },
  { arbitrary: of('release', { lease: fc.nat(), stale: fc.boolean() }), weight: 2 },
  { arbitrary: of('give-up', { lease: fc.nat(), share: fc.nat(120), stale: fc.boolean() }), weight: 2 },
  { arbitrary: of('wait', {}), weight: 1 },
  { arbitrary: of('later', { hours: fc.constantFrom(1, 30, 'month' as const, 'month' as const) }), weight: 3 },
  { arbitrary: of('price', priceCommands), weight: 2 },
  { arbitrary: of('limit', { limit: fc.integer({ min: -5, max: 30_000 }) }), weight: 2 },
  { arbitrary: of('draw', {}), weight: 1 },
  { arbitrary: of('hold', { basisPoints: fc.constantFrom(0, 0, 2_500, 10_000), holdMs: fc.constantFrom(1_000, 60_000, 10 ** 9) }), weight: 1 },
  { arbitrary: of('decide', { admission: fc.nat(), passed: fc.boolean(), times: fc.integer({ min: 1, max: 2 }) }), weight: 2 },
  { arbitrary: of('correct', { admission: fc.nat(), tokens: fc.nat(1_500), times: fc.integer({ min: 1, max: 3 }) }), weight: 3 },
  { arbitrary: of('reserve', journalCommands.reserve), weight: 2 },
  { arbitrary: of('post', journalCommands.post), weight: 3 },
  { arbitrary: of('void', journalCommands.void), weight: 1 },
  { arbitrary: of('agree', billCommands.agree), weight: 2 },
  { arbitrary: of('grant', billCommands.grant), weight: 2 },
  { arbitrary: of('bill', billCommands.bill), weight: 6 },
  { arbitrary: of('pay', billCommands.pay), weight: 4 },
  { arbitrary: of('credit', billCommands.credit), weight: 3 },
  { arbitrary: of('refund', billCommands.refund), weight: 2 },
  { arbitrary: of('end-refund', billCommands['end-refund']), weight: 2 },
);
type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** A tenant in the real books and in the model, and every record that was ever delivered to it. */
interface Side extends BillSide {
  readonly model: ModelBooks;
  readonly records: LogRecord[];
}

describe('the books, against a model in memory, under random commands', () => {
  let books: Books;
  let prices: PriceWalk;
  let journal: JournalWalk;
  /** First moments of months in which something was admitted. */
  let months: ReadonlySet<number> = new Set();
  let bills: BillWalk;
  /** The same for both tenants. */
  let rule: ModelRule = { basisPoints: 0, holdMs: 1_000 };
  const persons = [{ keyId: keys[0], tenant: null }, { keyId: keys[1], tenant: null }];
  beforeAll(async () => {
    books = await openBooks({ BILLING_INVOICE_RUN_MS: '86400000' });
    // Sweeps are commands here.
    await Promise.all([ReclaimService, AdmissionSweeper, Holdbacks, Journal, PriceChanges, CloseTimer].map((task) => books.get<PeriodicTask>(task).onModuleDestroy()));
    prices = await PriceWalk.open(books, persons);
    journal = new JournalWalk(books, persons);
    await journal.open();
    bills = new BillWalk(books);
  });
  afterAll(() => books.close());

  const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(list.length, 1)];
  const deliver = async ({ market, records }: Side, ...batch: LogRecord[]): Promise<void> => {
    records.push(...batch);
    await market.book(...batch);
  };
  const endOf = ({ facts, node: by }: ModelAdmission, tokens: number, over = {}): LogRecord => recordOf(completedFacts(facts, by, tokens, over));
  const tokensOf = ({ facts, price: admissionPrice }: ModelAdmission, share: number): number => Number((facts.holdNanos * BigInt(share)) / 100n / admissionPrice);

  async function run(side: Side, step: Command): Promise<void> {
    const { market, model } = side;
    switch (step.do) {
      case 'acquire': {
        const gateway = `gateway-${step.gateway}`;
        const need = BigInt(step.need) * unit;
        if (need > model.available && need > 0n) model.close();
        const asked = market.acquire(gateway, need, BigInt(step.demand) * unit);
        if (need > model.available && need > 0n) return expect(asked).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
        const { lease, amountNanos, fence } = await asked;
        expect(amountNanos).toBeGreaterThanOrEqual(need);
        expect(amountNanos <= model.available || amountNanos === 0n).toBe(true);
        model.leases.push({ id: lease, gateway, fence, granted: amountNanos, remaining: amountNanos, open: true, due: false });
        return;
      }
      case 'admit': {
        const lease = pick(model.leases, step.lease);
        if (!lease) return;
        const budget = (await books.get(BudgetsService).list(market.tenant))[0]!.id;
        const monthMs = monthAt(books.clock.nowMs());
        months = new Set([...months, monthMs]);
        const admittedAtMs = monthMs + step.hour * hourMs;
        const { node, price } = prices;
        const facts = admittedFacts(books.ids, market, { lease: lease.id, budget, amountNanos: 0n, fence: lease.fence, ttlMs: 0 }, node, { holdNanos: BigInt(step.hold) * unit, keyId: keys[step.key]!, admittedAtMs, deadlineMs: admittedAtMs + 10 ** 12 });
        const admission: ModelAdmission = { facts, lease, node, price, heard: !step.held, kept: 0n, ended: undefined, corrected: undefined, held: undefined, forfeited: 0n };
        model.admissions.push(admission);
        return admission.heard ? deliver(side, recordOf(facts)) : undefined;
      }
      case 'complete': {
        const admission = pick(model.admissions, step.admission);
        if (!admission) return;
        const tokens = admission.ended?.tokens ?? tokensOf(admission, step.share);
        // What was charged at zero for want of an amount said something else.
        const batch = Array<LogRecord>(step.times).fill(endOf(admission, tokens));
        model.end(admission, BigInt(tokens) * admission.price, tokens, rule, books.clock.nowMs());
        if (step.times > 1 && !admission.heard) {
          admission.heard = true;
          batch.push(recordOf(admission.facts));
        }
        return deliver(side, ...batch);
      }
      case 'misprice': {
        const admission = pick(model.admissions, step.admission);
        if (!admission || admission.ended) return;
        model.end(admission, 0n, 7, rule, books.clock.nowMs());
        return deliver(side, endOf(admission, 7, { chargeNanos: step.charge }));
      }
      case 'contradict': {
        const ended = pick(model.admissions.filter((admission) => admission.ended !== undefined), step.admission);
        return ended && market.book(endOf(ended, step.tokens));
      }
      case 'redeliver': {
        const from = side.records.length === 0 ? 0 : step.from % side.records.length;
        const batch = side.records.slice(from, from + step.count);
        // Another writer's end of the same record is the same end: the order between them decides nothing.
        if (step.reversed) batch.reverse();
        await Promise.all(Array.from({ length: step.writers }, (_, writer) => market.book(...(writer === 1 ? [...batch].reverse() : batch))));
        return;
      }
      case 'kill': {
        const admission = pick(model.admissions.filter(({ ended }) => ended === undefined), step.admission);
        if (!admission) return;
        const tokens = Math.max(1, tokensOf(admission, step.share));
        const batch = [...(admission.heard ? [] : [recordOf(admission.facts)]), endOf(admission, tokens)];
        await killInMidBatch(market, batch);
        expect((await budgetOf(side)).spentNanos).toBe(model.spent);
        admission.heard = true;
        model.end(admission, BigInt(tokens) * admission.price, tokens, rule, books.clock.nowMs());
        return deliver(side, ...batch);
      }
      case 'release': {
        const lease = pick(model.leases, step.lease);
        if (!lease) return;
        const released = await books.get(LeasesService).release(lease.id, lease.gateway, step.stale ? lease.fence + 1 : lease.fence);
        expect(released).toBe(lease.open && !step.stale);
        lease.due ||= released;
        return;
      }
      case 'give-up': {
        const lease = pick(model.leases, step.lease);
        if (!lease) return;
        const usedNanosMax = (lease.granted * BigInt(step.share)) / 100n;
        const said = { lease: lease.id, gateway: lease.gateway, fence: step.stale ? lease.fence + 1 : lease.fence, usedNanosMax };
        const given = await books.within((manager) => books.get(RecallService).giveBack(manager, [said]));
        expect(given).toBe(step.stale ? 0n : model.giveUp(lease, usedNanosMax));
        return;
      }
      case 'wait': {
        return pass(limits.leaseTtlMs + limits.leaseGraceMs + 1);
      }
      case 'later': {
        const nowMs = books.clock.nowMs();
        return pass(step.hours === 'month' ? monthAt(nowMs, 1) - nowMs : step.hours * hourMs);
      }
      case 'price':
        return prices.run(step);
      case 'limit': {
        const set = books.get(BudgetsService).put({ keyId: null, tenant: market.tenant, project: market.project, limitNanos: BigInt(step.limit) * unit });
        if (step.limit < 0) return expect(set).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
        await set;
        model.limit = BigInt(step.limit) * unit;
        return;
      }
      case 'draw': {
        const drawing = books.get(PayablesService).draw(books.ids.uuid(), market.tenant);
        if (model.drawn === 0n && model.payable < 1_000n) return expect(drawing).rejects.toMatchObject({ code: 'NOTHING_DUE' });
        if (model.drawn === 0n) model.drawn = model.payable - (model.payable % 1_000n);
        expect((await drawing).totalUnits * 1_000n).toBe(model.drawn);
        return;
      }
      case 'hold':
      case 'decide':
      case 'correct':
        return runOnCharges(side, step);
      case 'reserve':
      case 'post':
      case 'void':
        return journal.run(step);
      default:
        if (!isBillCommand(step)) throw new Error(`nobody does ${(step as Command).do}`);
        if (step.do === 'bill' && step.monthEnds) await pass(monthAt(books.clock.nowMs(), 1) - books.clock.nowMs());
        return bills.run(side, step);
    }
  }

  /** Time passes, and whoever waits for it is done. */
  async function pass(ms: number): Promise<void> {
    // Leases, holdbacks and reservations end by then in any case.
    books.clock.advance(Math.max(ms, limits.leaseTtlMs + limits.leaseGraceMs + 1));
    const nowMs = books.clock.nowMs();
    while ((await books.get(ReclaimService).runOnce()) > 0);
    await Promise.all(sides.map((one) => sweep(one)));
    // No run has more commands than one round ends.
    for (const task of [Holdbacks, Journal, PriceChanges, Credits]) await books.get<{ runOnce(): Promise<number> }>(task).runOnce();
    for (const { model, bills: billed } of sides) {
      model.releaseHeld(nowMs);
      billed.lapse(nowMs);
    }
    journal.model.expire(nowMs);
    await prices.pass();
  }

  /** What is done to charges that are booked. */
  async function runOnCharges({ market, model, bills: billed }: Side, step: Extract<Command, { do: 'hold' | 'decide' | 'correct' }>): Promise<void> {
    if (step.do === 'hold') {
      rule = { basisPoints: step.basisPoints, holdMs: step.holdMs };
      await books.get(Holdbacks).putRule({ actor: persons[0]!, target: `node:${prices.node.id}`, ...rule });
      return;
    }
    if (step.do === 'decide') {
      const admission = pick(model.admissions.filter(({ held }) => held !== undefined), step.admission);
      if (!admission) return;
      const before = admission.forfeited;
      const isSo = model.decide(admission, step.passed);
      if (admission.forfeited > before) billed.adjustments.push({ id: forfeitAdjustmentId(admission.facts.record), amount: before - admission.forfeited, madeAtMs: books.clock.nowMs() });
      for (let time = 0; time < step.times; time += 1) {
        const decided = books.get(Holdbacks).decide({ actor: persons[0]!, record: admission.facts.record, passed: step.passed, note: 'looked at' });
        if (!isSo) await expect(decided).rejects.toMatchObject({ code: 'CONFLICT' });
        else expect(await decided).toMatchObject({ state: step.passed ? 'released' : 'forfeited', forfeitedNanos: admission.forfeited });
      }
      return;
    }
    const admission = pick(model.admissions, step.admission);
    if (!admission) return;
    const before = admission.corrected === undefined ? (admission.ended?.amount ?? 0n) : BigInt(admission.corrected) * admission.price;
    const asked = { actor: persons[0]!, tenant: market.tenant, id: books.ids.uuid(), record: admission.facts.record, usage: { inputTokens: step.tokens, outputTokens: 0 }, reason: 'counted again' };
    const refusal = admission.ended === undefined ? 'NOT_FOUND' : !admission.heard ? 'RECORD_PENDING' : model.correct(admission, step.tokens) ? undefined : 'CONFLICT';
    const said = Array.from({ length: step.times }, () => books.get(Corrections).correct(asked));
    if (refusal !== undefined) await Promise.all(said.map((one) => expect(one).rejects.toMatchObject({ code: refusal })));
    else {
      const amount = BigInt(step.tokens) * admission.price - before;
      expect((await Promise.all(said)).map(({ amountNanos }) => amountNanos)).toEqual(said.map(() => amount));
      if (amount !== 0n) billed.adjustments.push({ id: asked.id, amount, madeAtMs: books.clock.nowMs() });
    }
  }

  let sides: Side[] = [];
  const sweep = ({ model }: Side): Promise<void> => {
    for (const lease of model.leases) lease.due = true;
    model.close();
    return Promise.resolve();
  };
  const budgetOf = async ({ market }: Side) => (await books.get(BudgetsService).list(market.tenant))[0]!;

  /** The connection that books the batch is killed while it waits for an account that is locked. */
  async function killInMidBatch(market: Market, batch: readonly LogRecord[]): Promise<void> {
    await withClient(books.database.adminUrl, async (client) => {
      await client.query('BEGIN');
      await client.query(`SELECT 1 FROM billing.accounts WHERE kind LIKE 'budget.%' AND tenant = $1 FOR UPDATE`, [market.tenant]);
      const booking = market.book(...batch).then(() => 'booked', (error: unknown) => (isDomainError(error, 'DATABASE_UNAVAILABLE') ? 'killed' : error));
      await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [await books.database.waiting()]);
      expect(await booking).toBe('killed');
      await client.query('ROLLBACK');
    });
  }

  async function expectSame(side: Side): Promise<void> {
    const { model } = side;
    expect(await budgetOf(side)).toMatchObject({ limitNanos: model.limit, spentNanos: model.spent, leasedNanos: model.leased, availableNanos: model.available });
  }

  async function expectSameBooks(side: Side): Promise<void> {
    const { market, model } = side;
    await bills.expectSame(side);
    const [owed] = await books.get(PayablesService).list(market.tenant);
    expect({ earned: owed?.earnedNanos ?? 0n, drawn: owed?.drawnNanos ?? 0n }).toEqual({ earned: model.spent - model.forfeited, drawn: model.drawn });
    const [of] = await books.within((manager) => manager.query<{ held: string }[]>(`SELECT COALESCE(-sum(balance), 0) AS held FROM billing.accounts WHERE tenant = $1 AND kind = 'held'`, [market.tenant]));
    expect(BigInt(of!.held)).toBe(model.held);
    // No price that came later was held against a request.
    const priced = model.admissions.filter(({ ended, price: of }) => ended?.amount === BigInt(ended?.tokens ?? 0) * of).map(({ facts }) => facts.record);
    expect(await books.within((manager) => manager.query(`SELECT subject FROM billing.anomalies WHERE kind = 'charge_mismatch' AND subject = ANY($1::text[])`, [priced]))).toEqual([]);
    const buckets = [];
    for (const fromMs of months) buckets.push(...(await books.get(UsageRpc).list({ tenant: market.tenant, fromMs, toMs: fromMs + 5 * hourMs, width: '1h', groupBy: ['api_key_id'], projects: [], keys: [], models: [], tags: [], limit: 10 })).buckets);
    const usage = buckets.flatMap(({ fromMs, sums }) => sums.map(({ keyId, requests, inputTokens, amountNanos }): [string, unknown] => [`${fromMs} ${keyId}`, [requests, inputTokens, amountNanos]]));
    expect(new Map(usage)).toEqual(model.usage(({ admittedAtMs }) => admittedAtMs + 50));
  }

  it(`are the same after each of ${commandsInAll}, for two tenants at once`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: commandsPerRun, maxLength: commandsPerRun }), async (commands) => {
        sides = [];
        months = new Set();
        for (const index of [0, 1] as const) {
          const limit = [10_000n, 25_000n][index]! * unit;
          const [market, model] = [await openMarket(books, limit), new ModelBooks(limit)];
          await bills.open({ market, index });
          sides.push({ market, model, bills: new ModelBills(() => model.admissions, currencies[index].taxBasisPoints), index, records: [] });
        }
        for (const step of commands) {
          await run(sides[step.tenant]!, step);
          for (const side of sides) await expectSame(side);
          await journal.expectSame();
        }
        for (const side of sides) {
          await side.market.book(...side.records);
          await expectSame(side);
          await expectSameBooks(side);
        }
        expect(await books.faults()).toEqual([]);
        // Nor would a close name anything in the books; there are no machines here that sign.
        expect((await books.within((manager) => books.get(OwnBooksStore).differences(manager))).filter(({ kind }) => kind !== 'receipt_missing')).toEqual([]);
      }),
      { numRuns: Math.ceil(commandsInAll / commandsPerRun), seed: 20_260_101, endOnFailure: commandsInAll > 1_000, interruptAfterTimeLimit: timeLimitMs - 20_000, markInterruptAsFailure: true },
    );
  }, timeLimitMs);
});
