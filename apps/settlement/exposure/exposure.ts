import { worthOf } from '#protocol';
import type { Ratio } from '#protocol';

/** What one tenant owes its payees, and the deposit that pays them. */
export interface Exposure {
  readonly tenant: string;
  /** EIP-55. */
  readonly payer: string;
  readonly availableUnits: bigint;
  readonly thawingUnits: bigint;
  /** Unix milliseconds from which what thaws may leave; null when nothing does. */
  readonly thawEndsAtMs: number | null;
  readonly finalBlock: number;
  /** Rounded down. */
  readonly nanosPerUnit: bigint;
  /** In nano-dollars, by lower-case address of the payee; those with something only. */
  readonly unsettled: ReadonlyMap<string, bigint>;
  readonly unsettledNanos: bigint;
  /** What pays them: in the escrow and not asked back. */
  readonly usableNanos: bigint;
  /** When the books were read. */
  readonly atMs: number;
}

export interface Owed {
  /** Lower-case address. */
  readonly payee: string;
  readonly earnedNanos: bigint;
}

/**
 * Earned and not settled by a final statement, per payee. A payee that was credited more than it earned (a statement of another
 * service under the same key) offsets nobody else's.
 */
export function exposureOf(
  facts: Pick<Exposure, 'tenant' | 'payer' | 'availableUnits' | 'thawingUnits' | 'thawEndsAtMs' | 'finalBlock' | 'atMs'>,
  owed: readonly Owed[],
  settledNanos: ReadonlyMap<string, bigint>,
  rate: Ratio,
  /** What of the deposit does not count, in units. Below nothing when more than was held has left already: what left is no longer available, and is not counted again. */
  heldUnits = 0n,
): Exposure {
  const unsettled = new Map<string, bigint>();
  for (const { payee, earnedNanos } of owed) {
    const nanos = earnedNanos - (settledNanos.get(payee) ?? 0n);
    if (nanos > 0n) unsettled.set(payee, nanos);
  }
  const usable = facts.availableUnits - facts.thawingUnits - (heldUnits > 0n ? heldUnits : 0n);
  const unsettledNanos = [...unsettled.values()].reduce((sum, nanos) => sum + nanos, 0n);
  return { ...facts, nanosPerUnit: worthOf(1n, rate), unsettled, unsettledNanos, usableNanos: worthOf(usable > 0n ? usable : 0n, rate) };
}

/** Whether two pictures tell gateways and payees the same. */
export function isSameExposure(a: Exposure | undefined, b: Exposure): boolean {
  return a !== undefined && a.payer === b.payer && a.availableUnits === b.availableUnits && a.thawingUnits === b.thawingUnits && a.thawEndsAtMs === b.thawEndsAtMs && a.usableNanos === b.usableNanos && sameAmounts(a.unsettled, b.unsettled);
}

function sameAmounts(a: ReadonlyMap<string, bigint>, b: ReadonlyMap<string, bigint>): boolean {
  return a.size === b.size && [...a].every(([payee, nanos]) => b.get(payee) === nanos);
}
