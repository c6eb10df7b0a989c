import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exposureOf, isSameExposure } from './exposure.js';

const par = { nanos: 1_000n, units: 1n };
const facts = { tenant: 't', payer: '0x01', availableUnits: 100n, thawingUnits: 0n, thawEndsAtMs: null, finalBlock: 1, atMs: 1 };

describe('an exposure', () => {
  it('is what each payee earned and no final statement paid, against the deposit that is not asked back', () => {
    const owed = [{ payee: 'a', earnedNanos: 70n }, { payee: 'b', earnedNanos: 5n }, { payee: 'c', earnedNanos: 9n }];
    const exposure = exposureOf({ ...facts, thawingUnits: 40n }, owed, new Map([['a', 50n], ['b', 8n]]), par);
    expect(exposure).toMatchObject({ unsettledNanos: 29n, usableNanos: 60_000n });
    // Who was credited more than it earned offsets nobody else's.
    expect([...exposure.unsettled]).toEqual([['a', 20n], ['c', 9n]]);
  });

  it('leaves out what of the deposit does not count, and counts nothing that has left', () => {
    const usable = (availableUnits: bigint, heldUnits: bigint): bigint => exposureOf({ ...facts, availableUnits }, [], new Map(), par, heldUnits).usableNanos;
    expect([usable(100n, 30n), usable(100n, 100n), usable(100n, 130n)]).toEqual([70_000n, 0n, 0n]);
    // Deposits of 1,000 that count and 100 that do not, and all of it taken back behind them: held is -1,000 of an empty deposit.
    expect([usable(0n, -1_000n), usable(5n, -1_000n)]).toEqual([0n, 5_000n]);
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 12n), fc.bigInt(-(10n ** 12n), 10n ** 12n), (available, held) => expect(usable(available, held) >= 0n && usable(available, held) <= available * 1_000n).toBe(true)));
  });

  it('is told again when what gateways or payees see of it has changed', () => {
    const exposure = exposureOf(facts, [{ payee: 'a', earnedNanos: 1n }], new Map(), par);
    expect(isSameExposure(exposure, { ...exposure, finalBlock: 9, atMs: 9 })).toBe(true);
    expect(isSameExposure(undefined, exposure)).toBe(false);
    expect(isSameExposure(exposure, exposureOf(facts, [{ payee: 'b', earnedNanos: 1n }], new Map(), par))).toBe(false);
    expect(isSameExposure(exposure, exposureOf(facts, [{ payee: 'a', earnedNanos: 1n }], new Map(), par, 1n))).toBe(false);
  });
});
