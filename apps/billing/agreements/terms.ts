import { discountOf, offInTier, withinTier } from '#protocol';
import type { Agreement } from '#protocol';

const hourMs = 3_600_000;

/** What an invoice says beside usage: taken off below zero. */
export interface Term {
  readonly kind: 'discount' | 'minimum' | 'fee' | 'granted';
  readonly name: string;
  readonly detail: string;
  readonly amountNanos: bigint;
  /** The credit that pays. */
  readonly credit?: string;
}

/** What invoices of a month that were issued before have of it. */
export interface Billed {
  readonly usageNanos: bigint;
  readonly minimumNanos: bigint;
  readonly fees: ReadonlySet<string>;
}

/** A credit of which something is left. */
export interface UsableCredit {
  readonly id: string;
  readonly name: string;
  readonly leftNanos: bigint;
  readonly validFromMs: number;
  readonly expiresAtMs: number;
}

const least = (...values: readonly bigint[]): bigint => values.reduce((a, b) => (a < b ? a : b));
const atLeastZero = (value: bigint): bigint => (value < 0n ? 0n : value);

const percent = (basisPoints: number): string => `${basisPoints / 100} %`;

/**
 * What an agreement makes of usage of `usageNanos` that is billed now, after what was billed of the month before; fees and what is missing to the minimum when
 * the month is over. `moneyOf` says an amount in words.
 */
export function termsOf(agreement: Pick<Agreement, 'tiers' | 'minimumNanos' | 'fees'>, usageNanos: bigint, before: Billed, isMonthOver: boolean, moneyOf: (nanos: bigint) => string): Term[] {
  const { tiers, minimumNanos, fees } = agreement;
  const total = before.usageNanos + usageNanos;
  const terms: Term[] = tiers.map(({ aboveNanos, basisPoints }, index) => ({
    kind: 'discount',
    name: `Discount of ${percent(basisPoints)}`,
    detail: `on ${moneyOf(withinTier(tiers, index, total) - withinTier(tiers, index, before.usageNanos))} of usage above ${moneyOf(aboveNanos)} in the month`,
    amountNanos: offInTier(tiers, index, before.usageNanos) - offInTier(tiers, index, total),
  }));
  if (isMonthOver) {
    const missing = atLeastZero((minimumNanos ?? 0n) - (total - discountOf(tiers, total)));
    terms.push({ kind: 'minimum', name: 'To the monthly minimum', detail: `of ${moneyOf(minimumNanos ?? 0n)}, after discounts`, amountNanos: missing - before.minimumNanos });
    for (const { name, monthlyNanos } of fees) if (!before.fees.has(name)) terms.push({ kind: 'fee', name, detail: 'monthly fee', amountNanos: monthlyNanos });
  }
  return terms.filter(({ amountNanos }) => amountNanos !== 0n);
}

/**
 * What credits pay of usage, by the hour that it is from, the one that expires first before the others; in all not more than `payableNanos`. Fees and minimums are
 * paid with money.
 */
export function creditsOn(credits: readonly UsableCredit[], usageByHour: ReadonlyMap<number, bigint>, payableNanos: bigint): Term[] {
  const left = new Map(usageByHour);
  let payable = atLeastZero(payableNanos);
  const ordered = [...credits].sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.id < b.id ? -1 : 1));
  return ordered.flatMap(({ id, name, leftNanos, validFromMs, expiresAtMs }) => {
    let used = 0n;
    // The oldest usage first: what comes later may be paid by a credit that is valid longer.
    for (const hour of [...left.keys()].sort((a, b) => a - b)) {
      if (hour < validFromMs || hour + hourMs > expiresAtMs) continue;
      const taken = least(left.get(hour)!, leftNanos - used, payable);
      left.set(hour, left.get(hour)! - taken);
      used += taken;
      payable -= taken;
    }
    return used === 0n ? [] : [{ kind: 'granted' as const, name: `Credit: ${name}`, detail: `for usage until ${new Date(expiresAtMs).toISOString().slice(0, 10)}`, amountNanos: -used, credit: id }];
  });
}
