import type { SpendAlert } from '#protocol';

export type Threshold = SpendAlert['thresholds'][number];

/** Thresholds that spend has reached, the lowest first. Nothing is a share of nothing: without a limit none is reached. */
export function reached(thresholds: readonly Threshold[], limitNanos: bigint | null, spentNanos: bigint): Threshold[] {
  if (limitNanos === null || limitNanos <= 0n) return [];
  return thresholds.filter(({ percent }) => spentNanos * 100n >= limitNanos * BigInt(percent)).sort((a, b) => a.percent - b.percent);
}
