import type { Nanos } from '#kernel';

/** How much of its own demand a holder is given at once. */
const demandSeconds = 2n;

/**
 * The size of a grant: two seconds of the holder's demand, at most its half share of what is left (so that leases shrink
 * geometrically near the end), at least the one hold it needs. `undefined` when not even that is left.
 */
export function leaseSize(input: { needNanos: Nanos; demandNanosPerSecond: Nanos; availableNanos: Nanos; holders: number }): Nanos | undefined {
  const { needNanos, availableNanos } = input;
  if (needNanos > availableNanos && needNanos > 0n) return undefined;
  const demand = demandSeconds * max(input.demandNanosPerSecond, 0n);
  const share = max(availableNanos, 0n) / (2n * BigInt(Math.max(input.holders, 1)));
  return max(needNanos, min(demand, share));
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
