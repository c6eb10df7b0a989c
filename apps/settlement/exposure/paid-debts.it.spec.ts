import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import type { PlacedEvent } from '#chain';
import { SystemClock, SystemIds } from '#kernel';
import type { ConversionRate } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase } from '#testing';
import type { TestDatabase } from '#testing';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { StatementStore } from '../epochs/statement.store.js';
import { settlement } from '../settlement.service-definition.js';
import { PaidDebts } from './paid-debts.store.js';

const par = 1_000n;
const payees = Array.from({ length: 4 }, (_, n) => `0x${'aB'.repeat(19)}0${n}`);
const ids = new SystemIds(new SystemClock());
const rateOf = ([nanos, units]: readonly [bigint, bigint]): ConversionRate => ({ nanos, units, readAtMs: 1, source: { kind: 'fixed', usdPerToken: '1', reason: 'a test', date: null } });

const withSomething = (sums: ReadonlyMap<string, bigint>): Map<string, bigint> => new Map([...sums].filter(([, nanos]) => nanos > 0n));

/** One that is settled on chain, and the block that it is in. */
interface Settled {
  readonly payer: string;
  readonly units: readonly bigint[];
  readonly rate: readonly [bigint, bigint] | null;
  event: Extract<PlacedEvent, { name: 'EpochSettled' }>;
  stands: boolean;
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), payer: fc.nat(1), units: fc.tuple(...payees.map(() => fc.bigInt(0n, 10n ** 20n))), rate: fc.option(fc.tuple(fc.bigInt(1n, 10n ** 12n), fc.bigInt(1n, 10n ** 6n))) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take back' as const), blocks: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('return' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('look again' as const) }) },
);

describe('what final statements paid', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let blocks = 0;
  const [statements, events, paid] = [new StatementStore(), new ChainEventStore(), new PaidDebts()];
  const tenants = [ids.uuid(), ids.uuid()] as const;

  beforeAll(async () => {
    database = await createTestDatabase({ service: 'settlement' });
    await migrate({ name: 'settlement', migrations: settlement.migrations.filter(({ name }) => !name.startsWith('PaidDebts')) }, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  const blockOf = (number: number): string => `0x${number.toString(16).padStart(64, '0')}`;

  /** Draws, signs and settles one as the watcher does, but for the sums. */
  async function settle(payer: number, epoch: number, units: readonly bigint[], rate: Settled['rate']): Promise<Settled> {
    const at = { tx: `0x${ids.uuid()}`, blockHash: blockOf(++blocks), blockNumber: blocks, logIndex: 0 };
    const totalUnits = units.reduce((sum, each) => sum + each, 0n);
    const event: Settled['event'] = { name: 'EpochSettled', payer: `0xpayer${payer}`, epoch: BigInt(epoch), listHash: `0x${at.tx}`, units: totalUnits, cumulativeTotal: totalUnits, auditRoot: '0x', auditSize: 1n, at };
    const [id, tenant] = [ids.uuid(), tenants[payer]!];
    await withTenant(dataSource, '*', async (manager) => {
      const drawn = payees.map((payee, n) => ({ payee, units: units[n]!, cumulativeUnits: units[n]! }));
      await statements.insertDrawn(manager, { id, tenant, payer: event.payer, payees: drawn, totalUnits, cumulativeTotalUnits: totalUnits, rate: rate && rateOf(rate) });
      await manager.query(`UPDATE settlement.statements SET epoch = $2, signature = '0x', list_hash = $3 WHERE id = $1`, [id, epoch, event.listHash]);
      await events.insert(manager, event, tenant);
      expect(await statements.settle(manager, { ...event, tx: at.tx })).toMatchObject({ id, state: 'final' });
    });
    return { payer: event.payer, units, rate, event, stands: true };
  }

  /** By hand, from the statements that stand; nobody with nothing. */
  function recomputed(all: readonly Settled[], payer: number): Map<string, bigint> {
    const sums = new Map<string, bigint>();
    for (const { units, rate } of all.filter(({ stands, payer: its }) => stands && its === `0xpayer${payer}`)) {
      const [nanos, per] = rate ?? [par, 1n];
      payees.forEach((payee, n) => sums.set(payee.toLowerCase(), (sums.get(payee.toLowerCase()) ?? 0n) + (units[n]! * nanos + per - 1n) / per));
    }
    return withSomething(sums);
  }

  async function kept(payer: number): Promise<Map<string, bigint>> {
    const found = await withTenant(dataSource, tenants[payer]!, (manager) => paid.of(manager, tenants[payer]!, par));
    return withSomething(found);
  }

  const follow = (): Promise<void> => withTenant(dataSource, '*', (manager) => paid.follow(manager));

  async function expectExact(all: readonly Settled[]): Promise<void> {
    for (const payer of [0, 1]) expect(await kept(payer)).toEqual(recomputed(all, payer));
  }

  it('is summed up from the statements that are there, but for those whose block the chain took back', async () => {
    const all = [await settle(0, 1, [3n, 1n, 0n, 7n], [10n, 3n]), await settle(0, 2, [5n, 0n, 2n, 0n], null), await settle(1, 1, [1n, 1n, 1n, 1n], null)];
    const lost = await settle(0, 3, [9n, 9n, 9n, 9n], null);
    await withTenant(dataSource, '*', (manager) => events.takeBack(manager, [lost.event.at.blockHash], blocks));
    lost.stands = false;
    await migrate(settlement, database.ownerUrl);
    await expectExact([...all, lost]);
    await withTenant(dataSource, '*', (manager) => events.returned(manager, { ...lost.event, at: { ...lost.event.at, blockHash: blockOf(++blocks), blockNumber: blocks } }));
    await follow();
    lost.stands = true;
    await expectExact([...all, lost]);
  });

  it('is seen by its own organisation only', async () => {
    expect(await withTenant(dataSource, tenants[1], (manager) => paid.of(manager, tenants[0], par))).toEqual(new Map());
  });

  /** As the owner: the service takes nothing away. */
  async function empty(): Promise<void> {
    const owner = await createDataSource(database.ownerUrl, 'settlement').initialize();
    await withTenant(owner, '*', (manager) => manager.query('DELETE FROM settlement.statements; DELETE FROM settlement.chain_events; DELETE FROM settlement.paid_debts'));
    await owner.destroy();
  }

  it('is what a count of all statements gives, after whatever was settled, taken back and came again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await empty();
        const all: Settled[] = [];
        for (const each of steps) {
          if (each.kind === 'settle') all.push(await settle(each.payer, all.length + 1, each.units, each.rate));
          if (each.kind === 'take back') {
            const gone = all.filter(({ stands }) => stands).slice(-each.blocks);
            await withTenant(dataSource, '*', (manager) => events.takeBack(manager, gone.map(({ event }) => event.at.blockHash), blocks));
            gone.forEach((one) => (one.stands = false));
          }
          const lost = all.filter(({ stands }) => !stands);
          if (each.kind === 'return' && lost.length > 0) {
            const back = lost[each.at % lost.length]!;
            // Another transaction may carry it.
            back.event = { ...back.event, at: { tx: `0x${ids.uuid()}`, blockHash: blockOf(++blocks), blockNumber: blocks, logIndex: 0 } };
            expect(await withTenant(dataSource, '*', (manager) => events.returned(manager, back.event))).toBe('known');
            back.stands = true;
          }
          await follow();
          await expectExact(all);
        }
      }),
      { numRuns: 30 },
    );
  });
});
