import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ExposureEntry } from '#protocol';
import { ManualClock, MemoryView, tenant } from '../examples.js';
import { ExposureGuard } from './exposure-guard.js';
import { LeaseBook } from './reserve.js';
import { EndlessLeases } from './pipeline-harness.js';

const payer = '0x00000000000000000000000000000000000a11ce';
const entry = (usableNanos: bigint, unsettledNanos: bigint, atMs: number): ExposureEntry => ({ tenant: tenant.tenant, payer, usableNanos, unsettledNanos, atMs });

describe('work of an organisation with a deposit', () => {
  const clock = new ManualClock();
  const view = new MemoryView<ExposureEntry>();
  const book = new LeaseBook(new EndlessLeases(1n), clock, new ExposureGuard(view, clock, false));
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
    expect(() => new ExposureGuard(none, clock, false).assertCovered(tenant.tenant, 10n ** 18n)).not.toThrow();
    expect(() => new ExposureGuard(none, clock, true).assertCovered(tenant.tenant, 1n)).toThrow('no deposit');
    expect(() => new ExposureGuard(none, clock, true).assertCovered(tenant.tenant, 0n)).not.toThrow();
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
      const guard = new ExposureGuard(view, clock, true);
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
