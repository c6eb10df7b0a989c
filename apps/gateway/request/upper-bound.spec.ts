import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chargeOf } from '#protocol';
import { exampleOffer } from '../examples.js';
import { checkUsage, upperBoundNanos } from './upper-bound.js';

describe('what is reserved for a job', () => {
  it('covers any believable usage on any permitted offer', () => {
    const tokens = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 10n ** 12n), { minLength: 1, maxLength: 5 }), tokens, tokens, fc.nat(), (prices, inputBound, used, pick) => {
        const offers = prices.map((price, n) => exampleOffer(n, {}, price));
        const bound = { inputTokens: inputBound, outputTokens: 0 };
        const usage = { inputTokens: Math.min(used, inputBound), outputTokens: 0 };
        checkUsage(usage, bound);
        expect(chargeOf(usage, offers[pick % offers.length]!.price) <= upperBoundNanos(bound, offers)).toBe(true);
      }),
    );
  });

  it('is exceeded only by usage that is not believed', () => {
    expect(() => checkUsage({ inputTokens: 11, outputTokens: 0 }, { inputTokens: 10, outputTokens: 0 })).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
    expect(() => checkUsage({ inputTokens: 1, outputTokens: 1 }, { inputTokens: 10, outputTokens: 0 })).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
  });
});
