import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { spendLimit, spendPeriodAt, spendPeriods } from './spend-limit.js';

const at = (time: string): number => Date.parse(time);
const iso = ({ fromMs, toMs }: { fromMs: number; toMs: number }): string[] => [new Date(fromMs).toISOString().slice(0, 16), new Date(toMs).toISOString().slice(0, 16)];

describe('a period of spend', () => {
  it('is an hour, a day, a week from Monday or a month of UTC', () => {
    const now = at('2024-02-29T23:59:59.999Z');
    expect(iso(spendPeriodAt('hour', now))).toEqual(['2024-02-29T23:00', '2024-03-01T00:00']);
    expect(iso(spendPeriodAt('day', now))).toEqual(['2024-02-29T00:00', '2024-03-01T00:00']);
    expect(iso(spendPeriodAt('week', now))).toEqual(['2024-02-26T00:00', '2024-03-04T00:00']);
    expect(iso(spendPeriodAt('month', now))).toEqual(['2024-02-01T00:00', '2024-03-01T00:00']);
    expect(iso(spendPeriodAt('month', at('2025-12-31T12:00Z')))).toEqual(['2025-12-01T00:00', '2026-01-01T00:00']);
  });

  it('holds its moment, begins with a full hour, and is followed by the next without a gap', () => {
    fc.assert(
      fc.property(fc.constantFrom(...spendPeriods.filter((each) => each !== 'total')), fc.integer({ min: 0, max: at('2100-01-01T00:00Z') }), (period, nowMs) => {
        const { fromMs, toMs } = spendPeriodAt(period, nowMs);
        expect(fromMs <= nowMs && nowMs < toMs && fromMs % 3_600_000 === 0).toBe(true);
        expect(spendPeriodAt(period, toMs).fromMs).toBe(toMs);
      }),
      { seed: 11 },
    );
  });

  it('that is the total holds every moment', () => {
    const { fromMs, toMs } = spendPeriodAt('total', at('2024-02-29T23:59:59.999Z'));
    expect([fromMs, new Date(toMs).toISOString()]).toEqual([0, '+275760-09-13T00:00:00.000Z']);
  });

  it('has a limit that is not negative', () => {
    expect(spendLimit.parse({ limitNanos: '0', period: 'day' })).toEqual({ limitNanos: 0n, period: 'day' });
    expect(spendLimit.safeParse({ limitNanos: '-1', period: 'day' }).success).toBe(false);
    expect(spendLimit.safeParse({ limitNanos: '1', period: 'year' }).success).toBe(false);
  });
});
