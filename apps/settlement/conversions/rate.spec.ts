import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nanosFor, unitsFor, worthOf } from '#protocol';
import { fixedRate, oracleRate, parRate } from './rate.js';
import { rateSettings } from './rate-setting.js';
import type { FixedSetting, OracleSetting } from './rate-setting.js';

const token = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const feed = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
const nowMs = 1_800_000_000_000;
const setting: OracleSetting = { feed, staleSeconds: 3_600, minUsd: 970_000_000n, maxUsd: 1_030_000_000n };
const dollar = { unit: 1n, decimals: 6 };
const answered = (answer: bigint, more: object = {}) => ({ description: 'T / USD', decimals: 8, round: 7n, answer, updatedAt: BigInt(nowMs / 1_000) - 60n, ...more });

function refusal(work: () => unknown): { code?: string; message?: string } {
  try {
    work();
    return {};
  } catch (error) {
    return error as { code: string; message: string };
  }
}

describe('the rate of a statement', () => {
  it('is a dollar a token where nothing is said, whatever the token calls a unit', () => {
    expect(parRate(dollar, nowMs)).toMatchObject({ nanos: 1_000n, units: 1n, source: { kind: 'fixed', usdPerToken: '1', date: null } });
    expect(parRate({ unit: 10n ** 12n, decimals: 18 }, nowMs)).toMatchObject({ nanos: 1_000n, units: 1n });
    expect(parRate({ unit: 1n, decimals: 18 }, nowMs)).toMatchObject({ nanos: 1n, units: 10n ** 9n });
  });

  it('says what was settled by hand, why and when', () => {
    const fixed: FixedSetting = { usdPerToken: 999_800_000n, reason: 'as agreed with the treasury', date: '2026-11-02' };
    expect(fixedRate(fixed, dollar, nowMs)).toEqual({ nanos: 4_999n, units: 5n, readAtMs: nowMs, source: { kind: 'fixed', usdPerToken: '0.9998', reason: 'as agreed with the treasury', date: '2026-11-02' } });
  });

  it('is what a feed answered, to the last place, with its round, its time and the block', () => {
    const rate = oracleRate(setting, answered(99_987_654n), 42, dollar, nowMs);
    expect(rate).toEqual({ nanos: 49_993_827n, units: 50_000n, readAtMs: nowMs, source: { kind: 'oracle', feed, description: 'T / USD', round: '7', answer: '99987654', decimals: 8, updatedAtMs: nowMs - 60_000, block: 42 } });
  });

  it('is refused by name when the feed is stale, incomplete, of the future, not positive or out of bounds, and not a moment earlier', () => {
    const at = (seconds: number): bigint => BigInt(nowMs / 1_000 + seconds);
    const cases: [object, bigint, string | undefined][] = [
      [{ updatedAt: at(-3_600) }, 100_000_000n, undefined],
      [{ updatedAt: at(-3_601) }, 100_000_000n, 'more than 3600 seconds ago'],
      [{ updatedAt: 0n }, 100_000_000n, 'not completed round 7'],
      [{ updatedAt: at(61) }, 100_000_000n, 'to come'],
      [{}, 0n, 'answered 0'],
      [{}, -5n, 'answered -5'],
      [{}, 97_000_000n, undefined],
      [{}, 96_999_999n, 'outside 0.97 to 1.03 dollars'],
      [{}, 103_000_000n, undefined],
      [{}, 103_000_001n, 'outside'],
      // Eighteen places: the bounds are dollars whatever the feed counts in.
      [{ decimals: 18 }, 10n ** 18n, undefined],
      [{ decimals: 18 }, 100_000_000n, 'outside'],
    ];
    for (const [more, answer, why] of cases) {
      const error = refusal(() => oracleRate(setting, answered(answer, more), 42, dollar, nowMs));
      expect([error.code, error.message?.includes(why ?? '')]).toEqual(why === undefined ? [undefined, undefined] : ['RATE_UNUSABLE', true]);
    }
  });

  it('loses nothing: over any draws at any rates, what is paid and what is left is what was owed, and units are never worth more than they pay', () => {
    const scale = fc.record({ answer: fc.bigInt(1n, 10n ** 14n), decimals: fc.integer({ min: 0, max: 18 }), tokenDecimals: fc.integer({ min: 0, max: 18 }), unit: fc.bigInt(1n, 10n ** 12n) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.bigInt(0n, 10n ** 15n), scale), { minLength: 1, maxLength: 12 }), (draws) => {
        let [earned, paid, worth, left] = [0n, 0n, 0n, 0n];
        for (const [amount, { answer, decimals, tokenDecimals, unit }] of draws) {
          const wide = { ...setting, minUsd: 1n, maxUsd: 10n ** 30n };
          const of = { unit, decimals: tokenDecimals };
          let rate;
          try {
            rate = oracleRate(wide, answered(answer, { decimals }), 1, of, nowMs);
          } catch {
            continue; // Below a nano-dollar a token.
          }
          // In lowest terms, and exactly answer × 10⁹ × unit ÷ 10^(decimals + token decimals).
          expect(rate.nanos * 10n ** BigInt(decimals + tokenDecimals)).toBe(rate.units * answer * 10n ** 9n * unit);
          earned += amount;
          left += amount;
          const units = unitsFor(left, rate);
          const nanos = nanosFor(units, rate);
          expect(nanos <= left).toBe(true);
          // One unit more would have been too much, and a line pays at most a nano more than its units are worth.
          expect((units + 1n) * rate.nanos > left * rate.units).toBe(true);
          expect(nanos - worthOf(units, rate) <= 1n).toBe(true);
          left -= nanos;
          paid += nanos;
          worth += worthOf(units, rate);
        }
        expect(paid + left).toBe(earned);
        expect(worth <= paid).toBe(true);
      }),
    );
  });
});

describe('the setting of rates', () => {
  const parse = (value: unknown): ReturnType<typeof rateSettings.safeParse> => rateSettings.safeParse(typeof value === 'string' ? value : JSON.stringify(value));

  it('names a token and how its worth is known', () => {
    const read = parse({ [token.toLowerCase()]: { usdPerToken: '1', reason: 'at par', date: '2026-01-01' }, [feed]: { feed: token, staleSeconds: 60, minUsd: '0.9', maxUsd: '1.1' } });
    expect([...read.data!.keys()]).toEqual([token, feed]);
    expect(read.data!.get(feed)).toEqual({ feed: token, staleSeconds: 60, minUsd: 900_000_000n, maxUsd: 1_100_000_000n });
  });

  it.each([
    ['what is not JSON', '{'],
    ['a fixed rate without a reason', { [token]: { usdPerToken: '1', date: '2026-01-01' } }],
    ['a fixed rate without a date', { [token]: { usdPerToken: '1', reason: 'x' } }],
    ['nothing for a token', { [token]: { usdPerToken: '0', reason: 'x', date: '2026-01-01' } }],
    ['a number', { [token]: { usdPerToken: 1, reason: 'x', date: '2026-01-01' } }],
    ['a feed without bounds', { [token]: { feed, staleSeconds: 60 } }],
    ['a feed with bounds the wrong way round', { [token]: { feed, staleSeconds: 60, minUsd: '2', maxUsd: '1' } }],
    ['a feed that may be stale for ever', { [token]: { feed, staleSeconds: 10 ** 9, minUsd: '1', maxUsd: '1' } }],
    ['what is no address', { token: { usdPerToken: '1', reason: 'x', date: '2026-01-01' } }],
    ['both at once', { [token]: { usdPerToken: '1', reason: 'x', date: '2026-01-01', feed } }],
  ])('refuses %s', (_name, value) => {
    expect(parse(value).success).toBe(false);
  });
});
