/**
 * Divides a whole by weights, in integers, by largest remainder: each part is within one of its exact share, and the parts sum to the whole.
 * Equal remainders go to the earlier part. `total` and weights are not negative, some weight is positive.
 */
export function split(total: bigint, weights: readonly bigint[]): bigint[] {
  const whole = weights.reduce((sum, weight) => sum + weight, 0n);
  const parts = weights.map((weight) => (total * weight) / whole);
  const left = Number(total - parts.reduce((sum, part) => sum + part, 0n));
  const byRemainder = weights.map((weight, index) => ({ index, remainder: (total * weight) % whole })).sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1));
  for (const { index } of byRemainder.slice(0, left)) parts[index]! += 1n;
  return parts;
}
