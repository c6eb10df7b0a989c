import type { Nanos } from '#kernel';

export interface OpenHold {
  readonly record: string;
  readonly holdNanos: Nanos;
}

/**
 * What closing a lease gives back to the budget: what is left of it less the holds of admissions still open under it. Each
 * of these keeps its own money until its record is completed.
 */
export function leaseReturn(remainingNanos: Nanos, holds: readonly OpenHold[]): { returnedNanos: Nanos; kept: { record: string; keptNanos: Nanos }[] } {
  let left = remainingNanos;
  const kept = holds.map(({ record, holdNanos }) => {
    const keptNanos = holdNanos < left ? holdNanos : left;
    left -= keptNanos;
    return { record, keptNanos };
  });
  return { returnedNanos: left, kept };
}
