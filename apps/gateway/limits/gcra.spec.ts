import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Counters } from './counters.js';
import { Gcra } from './gcra.js';
import { inWords } from './rate-headers.js';
import { shareOf } from './share.js';

const sixty = { rate: 60, burst: 60 };

describe('a rate per minute', () => {
  it('lets a burst through at once, then one at a time as it is earned, and says when', () => {
    const gcra = new Gcra();
    for (let n = 0; n < 60; n += 1) {
      expect(gcra.waitMs(0, 1, sixty)).toBe(0);
      gcra.take(0, 1, sixty);
    }
    expect([gcra.waitMs(0, 1, sixty), gcra.remaining(0, sixty), gcra.resetMs(0)]).toEqual([1_000, 0, 60_000]);
    expect(gcra.waitMs(1_000, 1, sixty)).toBe(0);
    expect(gcra.remaining(30_000, sixty)).toBe(30);
    expect(gcra.remaining(1e9, sixty)).toBe(60);
  });

  it('never lets more than burst + rate × time through, whatever comes when', () => {
    const arrivals = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 20_000 }), cost: fc.integer({ min: 1, max: 30 }) }), { maxLength: 200 });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 100 }), fc.integer({ min: 30, max: 100 }), (all, rate, burst) => {
        const gcra = new Gcra();
        const share = { rate, burst };
        const passed: { atMs: number; cost: number }[] = [];
        let nowMs = 0;
        for (const { afterMs, cost } of all) {
          nowMs += afterMs;
          if (gcra.waitMs(nowMs, cost, share) > 0) continue;
          gcra.take(nowMs, cost, share);
          passed.push({ atMs: nowMs, cost });
        }
        for (let from = 0; from < passed.length; from += 1) {
          let sum = 0;
          for (const { atMs, cost } of passed.slice(from)) {
            sum += cost;
            expect(sum).toBeLessThanOrEqual(burst + (rate * (atMs - passed[from]!.atMs)) / 60_000 + 1e-3);
          }
        }
      }),
    );
  });

  it('lets what is over the burst through on a full bucket only, and holds the rate by what follows', () => {
    const gcra = new Gcra();
    const share = { rate: 60, burst: 10 };
    gcra.take(0, 30, share);
    expect(gcra.waitMs(0, 1, share)).toBe(21_000);
    expect(gcra.waitMs(0, 30, share)).toBe(30_000);
  });

  it('counts tokens as used, and holds what running requests may use meanwhile', () => {
    const counters = new Counters();
    counters.heldTokens = 50;
    expect([counters.remainingTokens(0, sixty), counters.tokensWaitMs(0, 10, sixty), counters.tokensWaitMs(0, 11, sixty)]).toEqual([10, 0, 1_000]);
    counters.heldTokens = 0;
    counters.tokens.take(0, 5, sixty);
    expect([counters.remainingTokens(0, sixty), counters.tokensWaitMs(0, 55, sixty)]).toEqual([55, 0]);
  });

  it('says times as OpenAI does', () => {
    expect([0, 19.2, 999, 1_000, 59_001, 360_000, 361_500].map(inWords)).toEqual(['0ms', '20ms', '999ms', '1s', '1m0s', '6m0s', '6m2s']);
  });
});

describe('the shares of gateways', () => {
  it('sum to the limit exactly; when there are more gateways than it allows, the rates do', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.integer({ min: 1, max: 40 }), (limit, gateways) => {
        const shares = Array.from({ length: gateways }, (_, rank) => shareOf(limit, { gateways, rank }));
        const sum = (of: (share: (typeof shares)[number]) => number): number => shares.map(of).reduce((a, b) => a + b, 0);
        expect(sum(({ rate }) => rate)).toBeCloseTo(limit, 6);
        expect(sum(({ burst }) => burst)).toBe(Math.max(limit, gateways));
      }),
    );
  });
});
