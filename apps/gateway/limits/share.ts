/** A gateway's part of a limit. */
export interface Share {
  /** Sustained rate: per minute, or at the same time. May be a fraction when there are more gateways than the limit allows requests. */
  readonly rate: number;
  /** What may come at once; at least 1, so that no gateway refuses everything. */
  readonly burst: number;
}

/** Where a gateway stands among those that live. */
export interface Standing {
  readonly gateways: number;
  /** 0-based, by name. */
  readonly rank: number;
}

/**
 * A limit divided among the gateways that live: equal whole parts, the remainder to the first ones, so that the parts sum to the limit
 * exactly. With more gateways than `limit` the rates still sum to it, and each gateway may let one through at once.
 */
export function shareOf(limit: number, { gateways, rank }: Standing): Share {
  if (limit < gateways) return { rate: limit / gateways, burst: 1 };
  const whole = Math.floor(limit / gateways) + (rank < limit % gateways ? 1 : 0);
  return { rate: whole, burst: whole };
}
