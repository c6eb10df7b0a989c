import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { measuredMeters, meterLines, meterNames, meterPer, sumOf } from './meters.js';
import type { Measured, MeterPrices } from './meters.js';

const seed = { seed: 20_260_101, numRuns: 500 };
/** Nine lines of ten million at such a price are within what a book can hold. */
const nanos = fc.bigInt({ min: 0n, max: 10n ** 10n });
const quantity = fc.integer({ min: 0, max: 10_000_000 });
const quantities = fc.record(Object.fromEntries(measuredMeters.map((meter) => [meter, quantity])), { requiredKeys: [] });
const usage = fc.record({ inputTokens: quantity, outputTokens: quantity, meters: quantities }) as fc.Arbitrary<Measured>;
/** Cached tokens cost at most what others do: that is what a price version is refused for. */
const prices = fc
  .record({ inputNanosPerMillion: nanos, outputNanosPerMillion: nanos, requestNanos: fc.option(nanos, { nil: undefined }), meters: fc.record(Object.fromEntries(measuredMeters.map((meter) => [meter, nanos])), { requiredKeys: [] }) })
  .map((price): MeterPrices => {
    const { cached_tokens: cached, ...meters } = price.meters as NonNullable<MeterPrices['meters']>;
    return { ...price, meters: { ...meters, ...(cached !== undefined && { cached_tokens: cached < price.inputNanosPerMillion ? cached : price.inputNanosPerMillion }) } };
  });

describe('the lines of a charge', () => {
  it('are one for each meter that the price names, each by its own unit', () => {
    const price = { inputNanosPerMillion: 2_000_000n, outputNanosPerMillion: 4_000_000n, requestNanos: 7n, meters: { cached_tokens: 500_000n, images: 40_000_000n, audio_ms: 100_000n, gpu_ms: 300_000n, frames: 11n, obh_milli: 9_000n } };
    const used = { inputTokens: 10, outputTokens: 3, meters: { cached_tokens: 4, images: 2, audio_ms: 1_500, gpu_ms: 333, frames: 5, obh_milli: 250 } };
    expect(meterLines(used, price).map(({ meter, quantity: counted, amountNanos }) => [meter, counted, amountNanos])).toEqual([
      ['input_tokens', 6, 12n],
      ['output_tokens', 3, 12n],
      ['cached_tokens', 4, 2n],
      ['images', 2, 80_000_000n],
      ['audio_ms', 1_500, 150_000n],
      ['gpu_ms', 333, 99_900n],
      ['frames', 5, 55n],
      ['obh_milli', 250, 2_250n],
      ['requests', 1, 7n],
    ]);
  });

  it('leave out what has no price: it costs nothing, and cached tokens cost as input', () => {
    const tokens = { inputNanosPerMillion: 1_000_000n, outputNanosPerMillion: 0n };
    expect(sumOf(meterLines({ inputTokens: 10, outputTokens: 0, meters: { cached_tokens: 9, images: 3 } }, tokens))).toBe(10n);
    expect(meterLines({ inputTokens: 10, outputTokens: 0 }, { ...tokens, meters: { images: 5n } }).map(({ meter, amountNanos }) => [meter, amountNanos])).toEqual([['input_tokens', 10n], ['output_tokens', 0n], ['images', 0n]]);
  });

  it('are within half a nano of quantity × price, below one where it is rounded down, and never more cached tokens than there is input', () => {
    fc.assert(
      fc.property(usage, prices, (used, price) => {
        for (const { meter, quantity: counted, priceNanos, amountNanos } of meterLines(used, price)) {
          const off = amountNanos * meterPer(meter) - BigInt(counted) * priceNanos;
          expect(meter === 'cached_tokens' ? off <= 0n && off > -meterPer(meter) : 2n * off <= meterPer(meter) && 2n * off > -meterPer(meter)).toBe(true);
          expect(counted).toBeGreaterThanOrEqual(0);
        }
      }),
      seed,
    );
  });

  it('sum to a charge that no usage within a bound exceeds, whatever part of it was cached', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(usage, prices, fc.array(share, { minLength: meterNames.length, maxLength: meterNames.length }), fc.nat(), (bound, price, shares, cached) => {
        const part = (most: number, index: number): number => Math.floor(most * shares[index]!);
        const { cached_tokens: _none, ...meters } = bound.meters ?? {};
        const inputTokens = part(bound.inputTokens, 0);
        const less = Object.fromEntries(Object.entries(meters).map(([meter, most], index) => [meter, part(most, index + 2)]));
        const used = { inputTokens, outputTokens: part(bound.outputTokens, 1), meters: { ...less, cached_tokens: cached % (inputTokens + 1) } };
        expect(sumOf(meterLines(used, price)) <= sumOf(meterLines({ ...bound, meters }, price))).toBe(true);
      }),
      seed,
    );
  });

  it('are refused where no book could hold them', () => {
    expect(() => meterLines({ inputTokens: 0, outputTokens: 0, meters: { images: 2 } }, { inputNanosPerMillion: 0n, outputNanosPerMillion: 0n, meters: { images: 2n ** 63n - 1n } })).toThrow(expect.objectContaining({ code: 'AMOUNT_OVERFLOW' }));
  });
});
