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

  it('says what of each line is the machine’s, the network’s and the deployment’s, where a price book adds to it', () => {
    const book = { book: priceEntry(9).version, network: 'mizan', askInputNanosPerMillion: 20_000_000n, askOutputNanosPerMillion: 0n, networkFeeBasisPoints: 500, markupBasisPoints: 1_000 };
    const sold = marketOffer(exampleOffer(1).entry, { ...priceEntry(1, 23_000_000n), book });
    const quoted = quoteOf({ ...request, outputTokens: 0, requests: 2 }, [sold], 0)!;
    expect(quoted.offers[0]).toMatchObject({ priceBook: book.book, totalNanos: 69_000n });
    expect(quoted.offers[0]!.lines[0]).toMatchObject({
      parts: [
        { of: 'machine', amountNanos: 60_000n },
        { of: 'network_fee', amountNanos: 3_000n },
        { of: 'markup', amountNanos: 6_000n },
      ],
      explanation: '2 requests, each 1500 input tokens at 0.023 USD a million: 0.000069 USD, of it 0.00006 to the machine, 0.000003 network fee (5 %), 0.000006 markup (10 %)',
    });
    expect(quote.safeEncode(quoted).success).toBe(true);
  });

  it('has a line for what each request costs beside its tokens', () => {
    const quoted = quoteOf({ ...request, outputTokens: 0, requests: 3 }, [marketOffer(exampleOffer(1).entry, { ...priceEntry(1, 20_000_000n), requestNanos: 500n })], 0)!;
    expect(quoted.offers[0]).toMatchObject({ totalNanos: 91_500n });
    expect(quoted.offers[0]!.lines[1]).toEqual({ meter: 'requests', quantity: 1, per: 1, priceNanos: 500n, requests: 3, amountNanos: 1_500n, parts: [{ of: 'markup', amountNanos: 1_500n }], explanation: '3 requests at 0.0000005 USD each: 0.0000015 USD' });
    expect(quote.safeEncode(quoted).success).toBe(true);
  });

  describe('of what is priced by other meters', () => {
    const painter = marketOffer(exampleOffer(1).entry, { ...priceEntry(1, 0n), meters: { images: 40_000_000n } });
    const pictures = { model: 'brush', endpoint: 'images.generations', inputTokens: 100, outputTokens: 0, requests: 5 } as const;

    it('has a line for each, with the book’s part of it', () => {
      const book = { book: priceEntry(9).version, network: 'mizan', askInputNanosPerMillion: 0n, askOutputNanosPerMillion: 0n, askMeters: { images: 40_000_000n }, networkFeeBasisPoints: 0, markupBasisPoints: 1_000 };
      const sold = marketOffer(painter.entry, { ...painter.price, meters: { images: 44_000_000n }, book });
      const quoted = quoteOf({ ...pictures, meters: { images: 2 } }, [sold], 0)!;
      expect(quoted.offers[0]!.lines[1]).toEqual({
        ...{ meter: 'images', quantity: 2, per: 1, priceNanos: 44_000_000n, requests: 5, amountNanos: 440_000_000n },
        parts: [{ of: 'machine', amountNanos: 400_000_000n }, { of: 'network_fee', amountNanos: 0n }, { of: 'markup', amountNanos: 40_000_000n }],
        explanation: '5 requests, each 2 images at 0.044 USD for each image: 0.44 USD, of it 0.4 to the machine, 0 network fee (0 %), 0.04 markup (10 %)',
      });
      expect(quote.safeEncode(quoted).success).toBe(true);
    });

    it('is refused where the request does not say how much of it there is: it would bound nothing', () => {
      expect(() => quoteOf(pictures, [painter], 0)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID', details: { param: 'meters.images' } }));
      expect(quoteOf(pictures, [marketOffer(painter.entry, { ...priceEntry(1, 0n), meters: { gpu_ms: 5n } })], 0)!.upperBoundNanos).toBe(0n);
    });
  });

  it('says what the agreement takes off, after what was used of the month, and still reserves all of it', () => {
    const usd = 1_000_000_000n;
    const ahead = { agreement: priceEntry(7).version, tiers: [{ aboveNanos: 10n * usd, basisPoints: 1_000 }, { aboveNanos: 20n * usd, basisPoints: 2_000 }], usedNanos: 9n * usd };
    const quoted = quoteOf({ ...request, inputTokens: 1_000_000, outputTokens: 0, requests: 12 }, [priced(1, usd, 0n), priced(2, usd / 100n, 0n)], 0, ahead)!;
    // Nine dollars are used: one more is free of discount, ten at a tenth, the last at a fifth.
    expect(quoted.offers.map(({ totalNanos, discountNanos }) => [totalNanos, discountNanos])).toEqual([[usd * 12n / 100n, 0n], [12n * usd, usd + usd / 5n]]);
    expect(quoted).toMatchObject({ upperBoundNanos: 12n * usd, agreement: { id: ahead.agreement, usedNanos: 9n * usd, explanation: expect.stringContaining('10 % above 10 USD, 20 % above 20 USD; 9 USD used this month') } });
    expect(quote.safeEncode(quoted).success).toBe(true);
    for (const none of [{ ...ahead, agreement: null }, { ...ahead, tiers: [] }, undefined]) expect(quoteOf(request, [priced(1, usd, 0n)], 0, none)).not.toHaveProperty('agreement');
  });

  it('passes over prices that no book can hold', () => {
    const absurd = priced(1, 2n ** 62n, 0n);
    expect(quoteOf({ ...request, inputTokens: 10_000_000 }, [absurd, priced(2, 1_000_000n, 0n)], 0)!.offers.map(({ name }) => name)).toEqual(['node-2']);
    expect(quoteOf({ ...request, inputTokens: 10_000_000 }, [absurd], 0)).toBeUndefined();
  });
});
