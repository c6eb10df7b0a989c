import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { feesFor, gasLimitFor, gasLimitMax, legacyFees, replacementFees } from '#chain';

const wei = fc.bigInt(0n, 10n ** 15n);

describe('fees', () => {
  it('leave room for the base fee to double', () => {
    expect(feesFor(10n, 3n)).toEqual({ maxFeePerGas: 23n, maxPriorityFeePerGas: 3n });
  });

  it('of a replacement are at least a tenth above the old ones on both, and never below the present', () => {
    fc.assert(
      fc.property(wei, wei, wei, wei, (base, tip, newBase, newTip) => {
        const [old, present] = [feesFor(base, tip), feesFor(newBase, newTip)];
        const fees = replacementFees(old, present, 10n ** 20n)!;
        expect(fees.maxFeePerGas * 10n >= old.maxFeePerGas * 11n).toBe(true);
        expect(fees.maxPriorityFeePerGas * 10n >= old.maxPriorityFeePerGas * 11n).toBe(true);
        expect(fees.maxFeePerGas >= present.maxFeePerGas).toBe(true);
        expect(fees.maxFeePerGas >= fees.maxPriorityFeePerGas).toBe(true);
      }),
    );
  });

  it('of a replacement on a chain without a base fee are one gas price, a tenth above what they were; and where the chain has one meanwhile, nodes take them as well', () => {
    fc.assert(
      fc.property(wei, wei, wei, wei, (oldPrice, price, base, tip) => {
        const old = legacyFees(oldPrice);
        const legacy = replacementFees(old, legacyFees(price), 10n ** 20n)!;
        expect(legacy).toEqual(legacyFees(legacy.maxFeePerGas));
        expect(legacy.maxFeePerGas >= price && legacy.maxFeePerGas * 10n >= oldPrice * 11n).toBe(true);
        const fees = replacementFees(old, feesFor(base, tip), 10n ** 20n)!;
        expect(fees.isLegacy).toBeUndefined();
        expect(fees.maxFeePerGas >= fees.maxPriorityFeePerGas && fees.maxPriorityFeePerGas * 10n >= oldPrice * 11n).toBe(true);
      }),
    );
  });

  it('of a replacement stop at the cap', () => {
    expect(replacementFees(feesFor(100n, 1n), feesFor(1n, 1n), 200n)).toBeNull();
  });

  it('never ask for more gas than a transaction may have', () => {
    expect(gasLimitFor(100_000n)).toBe(120_001n);
    expect(gasLimitFor(gasLimitMax)).toBe(gasLimitMax);
  });
});
