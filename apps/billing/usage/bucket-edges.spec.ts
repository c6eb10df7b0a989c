import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bucketWidths } from '#protocol';
import { bucketEdges, bucketStart } from './bucket-edges.js';

const at = (text: string): number => Date.parse(text);

describe('buckets of usage', () => {
  it('are the hours, days and months of UTC, also where months and years end', () => {
    expect(bucketEdges(at('2026-12-30T10:20:00Z'), at('2027-01-01T00:00:00Z'), '1d', 10).edgesMs).toEqual(['2026-12-30', '2026-12-31', '2027-01-01'].map(at));
    expect(bucketEdges(at('2028-01-31T23:59:59Z'), at('2028-03-01T00:00:01Z'), '1mo', 10).edgesMs).toEqual(['2028-01-01', '2028-02-01', '2028-03-01', '2028-04-01'].map(at));
    expect(bucketStart(at('2026-11-26T10:59:59.999Z'), '1h')).toBe(at('2026-11-26T10:00:00Z'));
  });

  it('cover all of a period without a gap, page by page', () => {
    fc.assert(
      fc.property(fc.constantFrom(...bucketWidths), fc.integer({ min: 0, max: 4 * 10 ** 12 }), fc.integer({ min: 1, max: 40 * 86_400_000 }), fc.integer({ min: 1, max: 30 }), (width, fromMs, lengthMs, limit) => {
        const toMs = fromMs + lengthMs;
        const whole = bucketEdges(fromMs, toMs, width, 10_000).edgesMs;
        const paged: number[] = [];
        for (let next: number | null = fromMs; next !== null; ) {
          const { edgesMs, nextMs } = bucketEdges(next, toMs, width, limit);
          expect(edgesMs.length).toBeLessThanOrEqual(limit + 1);
          paged.push(...edgesMs.slice(0, -1));
          next = nextMs;
        }
        expect(paged).toEqual(whole.slice(0, -1));
        expect(whole[0]).toBeLessThanOrEqual(fromMs);
        expect(whole.at(-1)).toBeGreaterThanOrEqual(toMs);
      }),
      { seed: 20_260_101, numRuns: 200 },
    );
  });
});
