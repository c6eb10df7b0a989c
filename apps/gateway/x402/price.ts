import type { PaymentRequirements, SaleTerms } from '#protocol';

const ceilDiv = (amount: bigint, by: bigint): bigint => (amount + by - 1n) / by;

/** What a cost comes to for a buyer: with the operator's share, in base units of the asset, rounded up to one unit of the books. */
export function saleAmount(costNanos: bigint, { unit, rate: { nanos, units } }: Pick<SaleTerms, 'unit' | 'rate'>, markupPercent: number): bigint {
  return ceilDiv(costNanos * BigInt(100 + markupPercent) * units, 100n * nanos) * unit;
}

/** The dearest cost that an amount covers, in nano-dollars: the other way round, rounded down. */
export function coveredNanos(amount: bigint, { unit, rate: { nanos, units } }: Pick<SaleTerms, 'unit' | 'rate'>, markupPercent: number): bigint {
  return ((amount / unit) * nanos * 100n) / (units * BigInt(100 + markupPercent));
}

/** What is taken for it: the smallest sale at least, and one unit of what costs nothing measurable. */
export const priceOf = (amount: bigint, { unit, amountMin }: Pick<SaleTerms, 'unit' | 'amountMin'>): bigint => [amount, unit, amountMin].reduce((a, b) => (a > b ? a : b));

/** All ways to pay a price, which is never below the smallest sale. */
export function waysToPay(terms: SaleTerms, amount: bigint): PaymentRequirements[] {
  const { network, asset, payTo, maxTimeoutSeconds, methods } = terms;
  const price = priceOf(amount, terms).toString();
  return methods.map(({ scheme, extra }) => ({ scheme, network, amount: price, asset, payTo, maxTimeoutSeconds, extra }));
}

/** Whether a payment is by one of these ways, at this price or more: prices may have fallen since it was asked for. */
export function isAccepted(accepted: PaymentRequirements, ways: readonly PaymentRequirements[]): 'yes' | 'no-such-way' | 'too-little' {
  const way = ways.find((candidate) => keyOf(candidate) === keyOf(accepted));
  if (!way) return 'no-such-way';
  return BigInt(accepted.amount) < BigInt(way.amount) ? 'too-little' : 'yes';
}

/** `extra` in any order of its members. */
function keyOf({ scheme, network, asset, payTo, extra }: PaymentRequirements): string {
  return JSON.stringify([scheme, network, asset.toLowerCase(), payTo.toLowerCase(), ...Object.entries(extra ?? {}).map((entry) => JSON.stringify(entry)).sort()]);
}
