import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { split } from './split.js';

const amounts = fc.bigInt({ min: 0n, max: 10n ** 18n });
const weights = fc.array(fc.bigInt({ min: 0n, max: 10_000n }), { minLength: 1, maxLength: 17 }).filter((all) => all.some((weight) => weight > 0n));

describe('a split', () => {
  it('sums to the whole, and no part is a whole unit from its share', () => {
    fc.assert(
      fc.property(amounts, weights, (total, given) => {
        const parts = split(total, given);
        const whole = given.reduce((sum, weight) => sum + weight, 0n);
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(total);
        for (const [index, part] of parts.entries()) {
          const error = part * whole - total * given[index]!;
          expect(error < whole && error > -whole).toBe(true);
        }
      }),
    );
  });

  it('gives nothing to no weight, and what is left to the largest remainders, the earlier of equal ones first', () => {
    expect(split(100n, [0n, 1n, 1n, 1n])).toEqual([0n, 34n, 33n, 33n]);
    expect(split(10n, [25n, 15n, 60n])).toEqual([3n, 1n, 6n]);
    expect(split(1n, [1n, 9_999n])).toEqual([0n, 1n]);
    expect(split(0n, [3n, 4n])).toEqual([0n, 0n]);
  });
});
