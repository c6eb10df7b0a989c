import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { leaseSize } from './lease-size.js';

const amount = fc.bigInt({ min: 0n, max: 10n ** 12n });

describe('the size of a lease', () => {
  it('is between the need and what is available, and never more than two seconds of demand or a half share unless the need is', () => {
    fc.assert(
      fc.property(amount, amount, fc.bigInt({ min: -(10n ** 6n), max: 10n ** 12n }), fc.integer({ min: 1, max: 64 }), (needNanos, demandNanosPerSecond, availableNanos, holders) => {
        const size = leaseSize({ needNanos, demandNanosPerSecond, availableNanos, holders });
        if (needNanos > 0n && needNanos > availableNanos) return expect(size).toBeUndefined();
        expect(size).toBeGreaterThanOrEqual(needNanos);
        expect(size).toBeLessThanOrEqual(availableNanos > needNanos ? availableNanos : needNanos);
        if (size! > needNanos) expect(size! <= 2n * demandNanosPerSecond && size! * 2n * BigInt(holders) <= availableNanos).toBe(true);
      }),
    );
  });

  it('lets free work run when nothing is left', () => {
    expect(leaseSize({ needNanos: 0n, demandNanosPerSecond: 9n, availableNanos: -5n, holders: 1 })).toBe(0n);
  });

  it('shrinks geometrically near the end: one holder with endless demand is refused after few grants', () => {
    let left = 1_000_000n;
    let grants = 0;
    for (let size = 0n; ; grants++) {
      const next = leaseSize({ needNanos: 1_000n, demandNanosPerSecond: 10n ** 12n, availableNanos: left, holders: 4 });
      if (next === undefined) break;
      expect(grants === 0 || next <= size).toBe(true);
      size = next;
      left -= next;
    }
    expect(left).toBeLessThan(1_000n);
    expect(grants).toBeLessThan(60);
  });
});
