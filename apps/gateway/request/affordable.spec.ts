import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chargeOf, failure } from '#protocol';
import { exampleOffer } from '../examples.js';
import { holdAffordable } from './affordable.js';
import type { LeaseBook } from './reserve.js';
import { checkUsage } from './upper-bound.js';

/** A budget with so much left. */
const budgetOf = (leftNanos: bigint): Pick<LeaseBook, 'hold'> => ({
  hold: async (_tenant, _project, amountNanos) => {
    if (amountNanos > leftNanos) throw failure('BUDGET_EXHAUSTED', 'the budget is spent');
    return { account: undefined as never, lease: 'l', budget: 'b', fence: 1, amountNanos };
  },
});
const million = { inputTokens: 1_000_000, outputTokens: 0 };
const payer = { tenant: 't', project: 'p' };
const absurd = 9_000_000_000_000_000_000n;

describe('what is reserved for a job', () => {
  it('covers any believable usage on every offer that is kept, and leaves out only dearer ones', async () => {
    const tokens = fc.integer({ min: 0, max: 1_000_000 });
    const prices = fc.array(fc.bigInt(0n, 10n ** 12n), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(prices, tokens, tokens, fc.bigInt(10n ** 11n, 10n ** 13n), async (asked, inputBound, used, left) => {
        const permitted = asked.map((price, n) => exampleOffer(n, {}, price));
        const bound = { inputTokens: inputBound, outputTokens: 0 };
        const reserved = await holdAffordable(budgetOf(left), payer, bound, permitted).catch(() => undefined);
        if (!reserved) return;
        const usage = { inputTokens: Math.min(used, inputBound), outputTokens: 0 };
        checkUsage(usage, bound);
        for (const offer of reserved.offers) expect(chargeOf(usage, offer.price) <= reserved.hold.amountNanos).toBe(true);
        const passedOver = permitted.filter((offer) => !reserved.offers.includes(offer));
        for (const offer of passedOver) expect(chargeOf(bound, offer.price) >= reserved.hold.amountNanos).toBe(true);
      }),
    );
  });

  it('is not made impossible by one machine that asks an absurd price, beyond the budget or beyond any number', async () => {
    const honest = exampleOffer(1, {}, 20_000_000n);
    const dear = exampleOffer(2, {}, 10n ** 15n);
    const overflowing = exampleOffer(3, {}, absurd);
    const tenMillion = { inputTokens: 10_000_000, outputTokens: 0 };
    const { hold, offers } = await holdAffordable(budgetOf(10n ** 9n), payer, tenMillion, [overflowing, dear, honest]);
    expect(offers).toEqual([honest]);
    expect(hold.amountNanos).toBe(200_000_000n);
  });

  it('fails as the budget does when not even the cheapest can be paid, and says so when nobody asks a possible price', async () => {
    await expect(holdAffordable(budgetOf(1n), payer, million, [exampleOffer(1), exampleOffer(2)])).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    await expect(holdAffordable(budgetOf(1n), payer, { inputTokens: 10_000_000, outputTokens: 0 }, [exampleOffer(1, {}, absurd)])).rejects.toMatchObject({ code: 'PRICE_UNKNOWN' });
  });
});
