import { describe, expect, it } from '@jest/globals';
import { leastLoaded } from './least-loaded.js';
import { outliers } from './outliers.js';

const did = (offer: string, ok: number, failed: number): { offer: string; ok: number; failed: number } => ({ offer, ok, failed });
const fine = ['a', 'b', 'c', 'd', 'e', 'f'].map((offer) => did(offer, 990, 10));

describe('outliers', () => {
  it('are found by their success rate among enough machines with enough requests', () => {
    expect(outliers([...fine, did('bad', 700, 300)])).toEqual(['bad']);
    expect(outliers(fine)).toEqual([]);
    expect(outliers([...fine.slice(0, 3), did('bad', 0, 300)])).toEqual([]);
    expect(outliers([...fine, did('bad', 0, 99)])).toEqual([]);
  });

  it('are at most a tenth of the machines, the worst first, and at least one', () => {
    const many = Array.from({ length: 40 }, (_, n) => did(`m${n}`, 1_000, 0));
    expect(outliers([...many.slice(0, 18), did('bad', 500, 500), did('worse', 400, 600)])).toHaveLength(2);
    expect(outliers([...many.slice(0, 17), did('bad', 500, 500), did('worse', 400, 600)])).toEqual(['worse']);
  });
});

describe('the lesser of two', () => {
  const at = (...values: number[]) => (): number => values.shift() ?? 0;
  it('weighs latency by what is in flight, and takes the unknown for as fast as the fastest', () => {
    const [slow, quick, fresh] = [{ latencyMs: 100, inFlight: 0 }, { latencyMs: 20, inFlight: 5 }, { latencyMs: 0, inFlight: 1 }];
    expect(leastLoaded([slow, quick], at(0, 0))).toBe(slow);
    expect(leastLoaded([slow, quick, fresh], at(0, 0.9))).toBe(fresh);
    expect(leastLoaded([slow, quick, fresh], at(0, 0))).toBe(slow);
    expect(leastLoaded([], at())).toBeUndefined();
    expect(leastLoaded([quick], at())).toBe(quick);
  });

  it('never compares a machine with itself', () => {
    for (let n = 0; n < 100; n += 1) expect(leastLoaded([{ latencyMs: 9, inFlight: 9 }, { latencyMs: 1, inFlight: 0 }], Math.random)).toMatchObject({ latencyMs: 1 });
  });
});
