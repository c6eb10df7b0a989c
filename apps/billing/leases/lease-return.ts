import type { Nanos } from '#kernel';

export interface OpenHold {
  readonly record: string;
  readonly holdNanos: Nanos;
}

/**
 * What closing a lease gives back to the budget: what is left of it less the holds of admissions still open under it, each of which keeps so much until its
 * record is completed. Less than all of these may be left, where their holder gave up what some of them did not need before the books heard of their ends:
 * what is left is enough for all together.
 */
export function leaseReturn(remainingNanos: Nanos, holds: readonly OpenHold[]): { returnedNanos: Nanos; kept: { record: string; keptNanos: Nanos }[] } {
  const held = holds.reduce((sum, { holdNanos }) => sum + holdNanos, 0n);
  return { returnedNanos: remainingNanos > held ? remainingNanos - held : 0n, kept: holds.map(({ record, holdNanos }) => ({ record, keptNanos: holdNanos })) };
}

/** A lease as its holder speaks of it: what was granted and not given back since, and what the books have left of that. */
export interface GrantedLease {
  readonly open: boolean;
  readonly grantedNanos: Nanos;
  readonly remainingNanos: Nanos;
}

/**
 * What a holder gives back of a lease by saying that it uses no more than `usedNanosMax` of it: at once, for what is used by then lies within that, booked
 * or not. Said again, or after it said less, it is nothing; and nothing of a lease that is closed, which has returned by itself.
 */
export function givenBack({ open, grantedNanos, remainingNanos }: GrantedLease, usedNanosMax: Nanos): Nanos {
  const backNanos = grantedNanos - usedNanosMax;
  if (!open || backNanos <= 0n) return 0n;
  return backNanos < remainingNanos ? backNanos : remainingNanos;
}
