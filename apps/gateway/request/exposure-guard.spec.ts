import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ExposureEntry } from '#protocol';
import { ManualClock, MemoryView, tenant } from '../examples.js';
import { ExposureGuard } from './exposure-guard.js';
import { LeaseBook } from './reserve.js';
import { EndlessLeases } from './pipeline-harness.js';

/** Of so many gateways. */
const among = (gateways: number) => ({ standing: () => ({ gateways }) });
const alone = among(1);

const payer = '0x00000000000000000000000000000000000a11ce';
const entry = (usableNanos: bigint, unsettledNanos: bigint, atMs: number): ExposureEntry => ({ tenant: tenant.tenant, payer, usableNanos, unsettledNanos, atMs });

describe('work of an organisation with a deposit', () => {
  const clock = new ManualClock();
  const view = new MemoryView<ExposureEntry>();
  const book = new LeaseBook(new EndlessLeases(1n), clock, new ExposureGuard(view, clock, false, alone));
  const hold = (nanos: bigint) => book.hold(tenant.tenant, 'project', nanos);

  it('is taken up to the deposit that is not asked back, counting what is open, and refused above it with the figures', async () => {
    view.put(tenant.tenant, entry(100n, 40n, clock.nowMs()));
    const first = await hold(50n);
    await expect(hold(11n)).rejects.toMatchObject({ code: 'EXPOSURE_EXCEEDED', kind: 'exhausted', details: { usableNanos: '100', unsettledNanos: '40', atRiskNanos: '101' } });
    const second = await hold(10n);
    book.settle(second, 0n);
    book.settle(first, 30n);
    book.settle(first, 0n);
    await hold(30n);
    await expect(hold(1n)).rejects.toMatchObject({ code: 'EXPOSURE_EXCEEDED' });
    await hold(0n);
  });

  it('counts what ended until the books were read well after it', async () => {
    clock.ms += 20_000;
    view.put(tenant.tenant, entry(130n, 70n, clock.nowMs()));
    await hold(30n);
    await expect(hold(1n)).rejects.toMatchObject({ code: 'EXPOSURE_EXCEEDED' });
  });
});

describe('an organisation without a deposit', () => {
  const clock = new ManualClock();
  it('is refused only where one is required', () => {
    const none = new MemoryView<ExposureEntry>();
    expect(() => new ExposureGuard(none, clock, false, alone).assertCovered(tenant.tenant, 10n ** 18n)).not.toThrow();
    expect(() => new ExposureGuard(none, clock, true, alone).assertCovered(tenant.tenant, 1n)).toThrow('no deposit');
    expect(() => new ExposureGuard(none, clock, true, alone).assertCovered(tenant.tenant, 0n)).not.toThrow();
  });
});

it('whatever is opened and ended, and whenever the books are read, what is owed stays within the deposit', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('open' as const), nanos: fc.bigInt(0n, 40n) }),
    fc.record({ kind: fc.constant('end' as const), at: fc.nat(), share: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30_000 }) }),
    fc.record({ kind: fc.constant('read' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      const view = new MemoryView<ExposureEntry>();
      const guard = new ExposureGuard(view, clock, true, alone);
      const usable = 100n;
      const open: bigint[] = [];
      const charged: { atMs: number; nanos: bigint }[] = [];
      // The books lag at most as long as the guard allows for.
      const read = (): void => view.put(tenant.tenant, entry(usable, charged.filter(({ atMs }) => atMs < clock.nowMs() - 9_000).reduce((sum, { nanos }) => sum + nanos, 0n), clock.nowMs()));
      read();
      for (const each of steps) {
        if (each.kind === 'wait') clock.ms += each.ms;
        if (each.kind === 'read') read();
        if (each.kind === 'open') {
          try {
            guard.assertCovered(tenant.tenant, each.nanos);
          } catch {
            continue;
          }
          guard.opened(tenant.tenant, each.nanos);
          open.push(each.nanos);
        }
        if (each.kind === 'end' && open.length > 0) {
          const [held] = open.splice(each.at % open.length, 1);
          const actual = (held! * BigInt(each.share)) / 100n;
          guard.ended(tenant.tenant, held!, actual);
          charged.push({ atMs: clock.nowMs(), nanos: actual });
        }
        const owed = charged.reduce((sum, { nanos }) => sum + nanos, 0n) + open.reduce((sum, nanos) => sum + nanos, 0n);
        expect(owed <= usable).toBe(true);
      }
    }),
  );
});

describe('work of an organisation that several gateways take', () => {
  it('is taken by each up to its share of what is free, and refused above it with their number', () => {
    const view = new MemoryView(new Map([[tenant.tenant, entry(100n, 40n, 0)]]));
    const guard = new ExposureGuard(view, new ManualClock(), true, among(3));
    guard.assertCovered(tenant.tenant, 20n);
    guard.opened(tenant.tenant, 15n);
    guard.assertCovered(tenant.tenant, 5n);
    expect(() => guard.assertCovered(tenant.tenant, 6n)).toThrow(expect.objectContaining({ code: 'EXPOSURE_EXCEEDED', details: { usableNanos: '100', unsettledNanos: '40', atRiskNanos: '61', gateways: 3 } }));
  });

  it('may be above the deposit when much was booked while others had theirs open for long', () => {
    const clock = new ManualClock();
    const view = new MemoryView(new Map([[tenant.tenant, entry(1_000n, 1n, clock.nowMs())]]));
    const [first, second, third] = Array.from({ length: 3 }, () => new ExposureGuard(view, clock, true, among(3)));
    const take = (guard: ExposureGuard | undefined, nanos: bigint): void => {
      guard!.assertCovered(tenant.tenant, nanos);
      guard!.opened(tenant.tenant, nanos);
    };
    for (const guard of [first, second, third]) take(guard, 333n);
    third!.ended(tenant.tenant, 333n, 333n);
    clock.ms += 20_000;
    view.put(tenant.tenant, entry(1_000n, 334n, clock.nowMs()));
    // 666 are free, and the two others hold 666: what was free fell by 333 since they took it, of which two thirds may be taken.
    expect(() => take(third, 223n)).toThrow('one in 3');
    take(third, 222n);
  });

  it('is above the deposit by no more than what was free fell, in the mean over the gateways, since each took what it has open', () => {
    const gateways = 3;
    const gateway = fc.nat(gateways - 1);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('open' as const), gateway, nanos: fc.bigInt(1n, 400n) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), gateway, at: fc.nat(), share: fc.integer({ min: 0, max: 100 }) }) },
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30_000 }) }),
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const), gateway }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const clock = new ManualClock();
        const usable = 1_000n;
        const charged: { gateway: number; atMs: number; nanos: bigint }[] = [];
        const bookedAt = (atMs: number): typeof charged => charged.filter((each) => each.atMs < atMs - 9_000);
        const sum = (all: readonly { nanos: bigint }[]): bigint => all.reduce((total, { nanos }) => total + nanos, 0n);
        let read = entry(usable, 0n, clock.nowMs());
        const each = Array.from({ length: gateways }, () => {
          const view = new MemoryView(new Map([[tenant.tenant, read]]));
          return { view, guard: new ExposureGuard(view, clock, true, among(gateways)), open: [] as bigint[], freeAtLast: 0n };
        });
        const free = ({ usableNanos, unsettledNanos }: ExposureEntry): bigint => usableNanos - unsettledNanos;
        let bound = 0n;
        for (const now of steps) {
          if (now.kind === 'wait') clock.ms += now.ms;
          if (now.kind === 'read') read = entry(usable, sum(bookedAt(clock.nowMs())), clock.nowMs());
          if (now.kind === 'hear') each[now.gateway]!.view.put(tenant.tenant, read);
          if (now.kind === 'open') {
            const one = each[now.gateway]!;
            try {
              one.guard.assertCovered(tenant.tenant, now.nanos);
            } catch {
              continue;
            }
            one.guard.opened(tenant.tenant, now.nanos);
            one.open.push(now.nanos);
            one.freeAtLast = free(one.view.get(tenant.tenant)!);
            // Of those that have nothing open or unbooked, nothing is to be expected.
            const booked = new Set(bookedAt(read.atMs));
            const busy = each.filter(({ open }, number) => open.length > 0 || charged.some((charge) => charge.gateway === number && !booked.has(charge)));
            const fell = busy.map(({ freeAtLast }) => freeAtLast - free(read)).reduce((total, nanos) => total + (nanos > 0n ? nanos : 0n), 0n);
            bound = fell / BigInt(gateways);
          }
          if (now.kind === 'end') {
            const one = each[now.gateway]!;
            if (one.open.length === 0) continue;
            const [held] = one.open.splice(now.at % one.open.length, 1);
            const nanos = (held! * BigInt(now.share)) / 100n;
            one.guard.ended(tenant.tenant, held!, nanos);
            charged.push({ gateway: now.gateway, atMs: clock.nowMs(), nanos });
          }
          const owed = sum(charged) + each.flatMap(({ open }) => open).reduce((total, nanos) => total + nanos, 0n);
          expect(owed <= usable + bound).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
