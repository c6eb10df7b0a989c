import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { monthFrom, monthOf } from './month.js';
import { discountOf } from '#protocol';
import { creditsOn, termsOf } from './terms.js';
import type { Billed } from './terms.js';

const usd = 1_000_000_000n;
const hourMs = 3_600_000;
const nothing: Billed = { usageNanos: 0n, minimumNanos: 0n, fees: new Set() };
const words = (nanos: bigint): string => `${nanos}`;
const sum = (terms: readonly { amountNanos: bigint }[]): bigint => terms.reduce((all, { amountNanos }) => all + amountNanos, 0n);
const tiersOf = (...tiers: [above: bigint, basisPoints: number][]) => tiers.map(([aboveNanos, basisPoints]) => ({ aboveNanos, basisPoints }));

describe('the terms of an agreement', () => {
  const agreement = { tiers: tiersOf([100n * usd, 1_000], [1_000n * usd, 2_500]), minimumNanos: 50n * usd, fees: [{ name: 'Support', monthlyNanos: 7n * usd }] };

  it('take off what each tier says of what lies in it', () => {
    const terms = termsOf({ ...agreement, minimumNanos: null, fees: [] }, 1_200n * usd, nothing, true, (nanos) => `USD ${nanos / usd}`);
    expect(terms.map(({ kind, name, detail, amountNanos }) => [kind, name, detail, amountNanos / usd])).toEqual([
      ['discount', 'Discount of 10 %', 'on USD 900 of usage above USD 100 in the month', -90n],
      ['discount', 'Discount of 25 %', 'on USD 200 of usage above USD 1000 in the month', -50n],
    ]);
    expect(termsOf({ ...agreement, minimumNanos: null, fees: [] }, 100n * usd, nothing, true, words)).toEqual([]);
  });

  it('fill a month up to its minimum after discounts, and add fees, when it is over and once', () => {
    expect(termsOf(agreement, 20n * usd, nothing, false, words)).toEqual([]);
    const terms = termsOf(agreement, 20n * usd, nothing, true, words);
    expect(terms.map(({ kind, amountNanos }) => [kind, amountNanos / usd])).toEqual([['minimum', 30n], ['fee', 7n]]);
    const billed = { usageNanos: 20n * usd, minimumNanos: 30n * usd, fees: new Set(['Support']) };
    // Late usage of the month comes off what was billed to the minimum.
    expect(termsOf(agreement, 10n * usd, billed, true, words).map(({ kind, amountNanos }) => [kind, amountNanos / usd])).toEqual([['minimum', -10n]]);
    expect(termsOf(agreement, 0n, billed, true, words)).toEqual([]);
  });

  it('come to the same however a month is cut into invoices, and are never more than what they are of', () => {
    const tiers = fc.uniqueArray(fc.record({ aboveNanos: fc.bigInt(0n, 10_000n), basisPoints: fc.nat(10_000) }), { maxLength: 5, selector: ({ aboveNanos }) => aboveNanos }).map((all) => all.sort((a, b) => Number(a.aboveNanos - b.aboveNanos)));
    const minimum = fc.option(fc.bigInt(1n, 20_000n));
    fc.assert(
      fc.property(tiers, minimum, fc.array(fc.bigInt(0n, 5_000n), { maxLength: 6 }), (of, minimumNanos, parts) => {
        const all = { tiers: of, minimumNanos, fees: [{ name: 'f', monthlyNanos: 3n }] };
        let before: Billed = nothing;
        let billed = 0n;
        for (const [index, part] of parts.entries()) {
          const terms = termsOf(all, part, before, index === parts.length - 1, words);
          expect(part + sum(terms) >= 0n).toBe(true);
          billed += part + sum(terms);
          const of_ = (kind: string) => terms.filter((term) => term.kind === kind);
          before = { usageNanos: before.usageNanos + part, minimumNanos: before.minimumNanos + sum(of_('minimum')), fees: new Set([...before.fees, ...of_('fee').map(({ name }) => name)]) };
        }
        const total = parts.reduce((a, b) => a + b, 0n);
        const net = total - discountOf(of, total);
        expect(net >= 0n && net <= total).toBe(true);
        if (parts.length > 0) expect(billed).toBe((minimumNanos !== null && minimumNanos > net ? minimumNanos : net) + 3n);
      }),
      { numRuns: 300 },
    );
  });
});

describe('credits', () => {
  const credit = (id: string, leftNanos: bigint, fromHour: number, toHour: number) => ({ id, name: id, leftNanos, validFromMs: fromHour * hourMs, expiresAtMs: toHour * hourMs });
  const usage = (...hours: [hour: number, nanos: bigint][]) => new Map(hours.map(([hour, nanos]) => [hour * hourMs, nanos]));

  it('pay for usage of their time alone, the one that expires first before the others', () => {
    const terms = creditsOn([credit('b', 100n, 0, 10), credit('a', 30n, 2, 5)], usage([1, 20n], [3, 50n], [10, 70n]), 140n);
    expect(terms.map(({ credit: id, amountNanos }) => [id, amountNanos])).toEqual([['a', -30n], ['b', -40n]]);
    expect(creditsOn([credit('a', 30n, 2, 5)], usage([1, 20n], [5, 50n]), 70n)).toEqual([]);
  });

  it('never pay more than is left of them, than was used in their time, or than is to be paid', () => {
    const some = fc.array(fc.record({ left: fc.bigInt(1n, 100n), from: fc.nat(20), hours: fc.integer({ min: 1, max: 10 }) }), { maxLength: 6 });
    fc.assert(
      fc.property(some, fc.array(fc.tuple(fc.nat(30), fc.bigInt(0n, 80n)), { maxLength: 10 }), fc.bigInt(-10n, 300n), (all, hours, payable) => {
        const credits = all.map(({ left, from, hours: length }, index) => credit(`c${index}`, left, from, from + length));
        const used = usage(...hours);
        const terms = creditsOn(credits, used, payable);
        for (const { credit: id, amountNanos } of terms) {
          const of = credits.find((one) => one.id === id)!;
          const inTime = [...used].filter(([hour]) => hour >= of.validFromMs && hour + hourMs <= of.expiresAtMs).reduce((a, [, nanos]) => a + nanos, 0n);
          expect(-amountNanos <= of.leftNanos && -amountNanos <= inTime).toBe(true);
        }
        expect(-sum(terms) <= (payable < 0n ? 0n : payable)).toBe(true);
        expect(-sum(terms) <= [...used.values()].reduce((a, b) => a + b, 0n)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('months', () => {
  it('are those of UTC, and begin with their first moment', () => {
    expect([monthOf(Date.UTC(2026, 11, 31, 23)), monthFrom(Date.UTC(2026, 0)), monthFrom(Date.UTC(2026, 0) + 1)]).toEqual([{ fromMs: Date.UTC(2026, 11), toMs: Date.UTC(2027, 0) }, Date.UTC(2026, 0), Date.UTC(2026, 1)]);
  });
});
