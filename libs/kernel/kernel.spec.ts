import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson, checkedNanos, formatNanos, isUuid, nanosMax, parseNanos, priceOf, uuidv7 } from './index.js';
import type { Json } from './index.js';

describe('money', () => {
  it('reads back what it prints, for every amount that the ledger holds', () => {
    fc.assert(fc.property(fc.bigInt({ min: -nanosMax, max: nanosMax }), (amount) => parseNanos(formatNanos(amount)) === amount));
  });

  it.each(['', '1.', '.5', '1.0000000001', '1e9', '0x10', ' 1', '--1', '99999999999'])('refuses %p as an amount', (text) => {
    expect(() => parseNanos(text)).toThrow(/decimal amount|beyond/);
  });

  it('rounds a price half up, and never through a float', () => {
    expect(priceOf(1n, 500_000n, 1_000_000n)).toBe(1n);
    expect(priceOf(1n, 499_999n, 1_000_000n)).toBe(0n);
    expect(priceOf(9_007_199_254_740_993n, 1_000_000n, 1_000_000n)).toBe(9_007_199_254_740_993n);
  });

  it('refuses amounts beyond 2^63', () => {
    expect(checkedNanos(nanosMax)).toBe(nanosMax);
    expect(() => checkedNanos(nanosMax + 1n)).toThrow(/2\^63/);
    expect(() => priceOf(15n * 10n ** 9n, 10n ** 9n, 1n)).toThrow(/2\^63/);
  });
});

describe('ids', () => {
  it('sort by time and carry version and variant', () => {
    const random = new Uint8Array(10).fill(0xff);
    const earlier = uuidv7(1_767_225_600_000, random);
    const later = uuidv7(1_767_225_600_001, new Uint8Array(10));
    expect(earlier).toBe('019b76da-a800-7fff-bfff-ffffffffffff');
    expect(earlier < later).toBe(true);
    expect(isUuid(later)).toBe(true);
  });
});

describe('canonical JSON', () => {
  it('sorts keys by UTF-16 code units, at every depth, and leaves undefined members out', () => {
    expect(canonicalJson({ b: [1, { z: null, a: 'é' }], a: undefined, '€': true, 'A': 1e21 })).toBe('{"A":1e+21,"b":[1,{"a":"é","z":null}],"€":true}');
  });

  it('is JSON that means the same, however the members were ordered', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text) as Json)).toBe(text);
      }),
    );
  });

  it('refuses numbers that JSON cannot carry', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow(TypeError);
  });
});
