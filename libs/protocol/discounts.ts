import type { DiscountTier } from './agreements.js';

const whole = 10_000n;
const atLeastZero = (value: bigint): bigint => (value < 0n ? 0n : value);

/** What of an amount lies in a tier. */
export function withinTier(tiers: readonly DiscountTier[], index: number, nanos: bigint): bigint {
  const [above, next] = [tiers[index]!.aboveNanos, tiers[index + 1]?.aboveNanos];
  return atLeastZero((next === undefined || nanos < next ? nanos : next) - above);
}

/** Off in a tier when a month's usage has come to an amount, rounded half up once: however the month is cut into invoices, the parts sum to it. */
export const offInTier = (tiers: readonly DiscountTier[], index: number, nanos: bigint): bigint => (withinTier(tiers, index, nanos) * BigInt(tiers[index]!.basisPoints) + whole / 2n) / whole;

/** Off in all tiers together; never more than the amount. */
export const discountOf = (tiers: readonly DiscountTier[], nanos: bigint): bigint => tiers.reduce((sum, _tier, index) => sum + offInTier(tiers, index, nanos), 0n);
