import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chargeOf, quote } from '#protocol';
import { exampleOffer, priceEntry } from '../examples.js';
import { marketOffer } from '../market/market-offer.js';
import type { MarketOffer } from '../market/market-offer.js';
import { quoteOf } from './quote.js';

const request = { model: 'embed', endpoint: 'chat.completions', inputTokens: 1_500, outputTokens: 200, requests: 1 } as const;
const priced = (n: number, inputNanosPerMillion: bigint, outputNanosPerMillion: bigint): MarketOffer => marketOffer(exampleOffer(n).entry, { ...priceEntry(n, inputNanosPerMillion), outputNanosPerMillion });

describe('a quote', () => {
  it('is the dearest offer, and explains each one line by line, cheapest first', () => {
    const quoted = quoteOf(request, [priced(1, 20_000_000n, 60_000_000n), priced(2, 10_000_000n, 0n)], 7)!;
    expect(quoted).toMatchObject({ quotedAtMs: 7, lowestNanos: 15_000n, upperBoundNanos: 42_000n });
    expect(quoted.offers.map(({ name }) => name)).toEqual(['node-2', 'node-1']);
    expect(quoted.offers[1]!.lines).toEqual([
      { meter: 'input_tokens', quantity: 1_500, per: 1_000_000, priceNanos: 20_000_000n, requests: 1, amountNanos: 30_000n, explanation: '1500 input tokens at 0.02 USD a million: 0.00003 USD' },
      { meter: 'output_tokens', quantity: 200, per: 1_000_000, priceNanos: 60_000_000n, requests: 1, amountNanos: 12_000n, explanation: '200 output tokens at 0.06 USD a million: 0.000012 USD' },
    ]);
    expect(quote.safeEncode(quoted).success).toBe(true);
  });

  it('bounds what is charged: no usage within it costs more, at any price, and its lines add up', () => {
    const nanos = fc.bigInt({ min: 0n, max: 10n ** 12n });
    const tokens = fc.integer({ min: 0, max: 10_000_000 });
    fc.assert(
      fc.property(nanos, nanos, tokens, tokens, fc.integer({ min: 1, max: 50 }), fc.float({ min: 0, max: 1, noNaN: true }), (input, output, inputTokens, outputTokens, requests, share) => {
        const offer = priced(1, input, output);
        const { totalNanos, lines } = quoteOf({ ...request, inputTokens, outputTokens, requests }, [offer], 0)!.offers[0]!;
        expect(lines.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)).toBe(totalNanos);
        expect(chargeOf({ inputTokens, outputTokens }, offer.price) * BigInt(requests)).toBe(totalNanos);
        const used = { inputTokens: Math.floor(inputTokens * share), outputTokens: Math.floor(outputTokens * share) };
        expect(chargeOf(used, offer.price) * BigInt(requests) <= totalNanos).toBe(true);
      }),
    );
  });

  it('passes over prices that no book can hold', () => {
    const absurd = priced(1, 2n ** 62n, 0n);
    expect(quoteOf({ ...request, inputTokens: 10_000_000 }, [absurd, priced(2, 1_000_000n, 0n)], 0)!.offers.map(({ name }) => name)).toEqual(['node-2']);
    expect(quoteOf({ ...request, inputTokens: 10_000_000 }, [absurd], 0)).toBeUndefined();
  });
});
