import { describe, expect, it } from '@jest/globals';
import { median, unusual } from './unusual.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A Monday. */
const startMs = Date.UTC(2026, 0, 5);
const usd = 1_000_000_000n;

/** 0 ≤ x < 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** Hours of so many days from the start, each by what it costs in nanos. */
const series = (days: number, nanosAt: (hour: number, day: number) => bigint): Map<number, bigint> => {
  const spend = new Map<number, bigint>();
  for (let day = 0; day < days; day += 1) for (let hour = 0; hour < 24; hour += 1) spend.set(startMs + day * dayMs + hour * hourMs, nanosAt(hour, day));
  return spend;
};
/** Busy by day, less at the weekend, a tenth up and down. */
const office = (random: () => number) => (hour: number, day: number) => BigInt(Math.round((hour >= 8 && hour < 18 ? 5e9 : 5e8) * (day % 7 >= 5 ? 0.2 : 1) * (0.9 + 0.2 * random())));

/** Everything that is found when one looks every hour from `fromDay` on, as somebody who knows nothing of what comes. */
function looked(spend: ReadonlyMap<number, bigint>, fromDay: number, days: number): string[] {
  const found = new Set<string>();
  for (let nowMs = startMs + fromDay * dayMs; nowMs < startMs + days * dayMs; nowMs += hourMs) {
    const past = new Map([...spend].filter(([at]) => at <= nowMs));
    for (const { window, fromMs, direction } of unusual(past, nowMs + hourMs - 1, usd)) found.add(`${window} ${(fromMs - startMs) / dayMs} ${direction}`);
  }
  return [...found];
}

describe('spend against its own past', () => {
  it('raises no alarm on a steady series, of whatever kind, in ten weeks', () => {
    for (const seed of [1, 2, 3]) expect(looked(series(70, office(seeded(seed))), 0, 70)).toEqual([]);
    expect(looked(series(70, () => 3n * usd), 0, 70)).toEqual([]);
    // A batch of every Monday is usual by the fifth.
    expect(looked(series(70, (hour, day) => (day % 7 === 0 && hour === 3 ? 80n * usd : 0n)), 28, 70)).toEqual([]);
  });

  it('finds an hour that costs ten times the usual, while it runs, and the day of it', () => {
    const spend = series(40, office(seeded(4)));
    spend.set(startMs + 36 * dayMs + 10 * hourMs, 200n * usd);
    expect(looked(spend, 36, 38)).toEqual([`hour ${36 + 10 / 24} above`, 'day 36 above']);
  });

  it('says what it compared with', () => {
    const spend = series(60, () => 2n * usd);
    const nowMs = startMs + 59 * dayMs + 5 * hourMs;
    const past = new Map([...spend].filter(([at]) => at <= nowMs)).set(nowMs, 9n * usd);
    expect(unusual(past, nowMs + 1, usd)).toEqual([{ window: 'hour', fromMs: nowMs, direction: 'above', spentNanos: 9n * usd, usualNanos: 2n * usd, spreadNanos: 0n, samples: 8 }]);
  });

  it('finds a day that costs next to nothing, when it is over, by the same day of other weeks', () => {
    const steady = office(seeded(5));
    const spend = series(45, (hour, day) => (day === 43 ? 0n : steady(hour, day)));
    expect(looked(spend, 42, 45)).toEqual(['day 43 below']);
  });

  it('says nothing while the past is short, nor of less than the floor', () => {
    expect(looked(series(6, (_, day) => (day === 5 ? 500n : 1n) * usd), 0, 6)).toEqual([]);
    expect(looked(series(40, (_, day) => (day === 38 ? usd / 25n : 1n)), 37, 40)).toEqual([]);
    expect(unusual(new Map(), startMs, usd)).toEqual([]);
  });

  it('takes the middle of any number of amounts', () => {
    expect([median([5n]), median([9n, 1n, 4n]), median([4n, 1n]), median([2n ** 80n, 2n ** 80n])]).toEqual([5n, 4n, 2n, 2n ** 80n]);
  });
});
