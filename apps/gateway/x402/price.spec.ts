import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { coveredNanos, priceOf, saleAmount } from './price.js';

describe('the price of a sale by x402', () => {
  it('follows what the token is worth: of one at half a dollar it takes twice as many, and of one at two dollars half', () => {
    const amounts = [[500n, 1n], [1_000n, 1n], [2_000n, 1n]].map(([nanos, units]) => saleAmount(10_000n, { unit: 1n, rate: { nanos: nanos!, units: units! } }, 0));
    expect(amounts).toEqual([20n, 10n, 5n]);
    expect(saleAmount(10_000n, { unit: 1n, rate: { nanos: 1_999n, units: 2n } }, 20)).toBe(13n);
  });

  it('is never below the smallest sale, whose gas it would not pay, nor below one unit', () => {
    expect([1n, 99n, 100n, 101n].map((amount) => priceOf(amount, { unit: 1n, amountMin: 100n }))).toEqual([100n, 100n, 100n, 101n]);
    expect(priceOf(0n, { unit: 10n, amountMin: 0n })).toBe(10n);
  });

  it('covers what it was made of at every rate, and one unit less does not', () => {
    const positive = fc.bigInt({ min: 1n, max: 10n ** 12n });
    fc.assert(
      fc.property(positive, positive, positive, fc.bigInt({ min: 1n, max: 10n ** 12n }), fc.integer({ min: 0, max: 300 }), (costNanos, nanos, units, unit, markup) => {
        const terms = { unit, rate: { nanos, units } };
        const amount = saleAmount(costNanos, terms, markup);
        expect(coveredNanos(amount, terms, markup) >= costNanos).toBe(true);
        expect(coveredNanos(amount - unit, terms, markup) < costNanos).toBe(true);
      }),
    );
  });
});
