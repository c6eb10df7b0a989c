import type { Nanos } from '#kernel';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { AnomalyKind } from '../anomalies/anomaly.js';

/** A lease as the books see it while they book usage. */
export interface LeaseBalance {
  readonly id: string;
  readonly budget: string;
  readonly tenant: string;
  readonly fence: number;
  readonly open: boolean;
  /** Still on the budget's leased account for this lease. */
  readonly remainingNanos: Nanos;
  /** Of a closed one with something left: what its open records may need of that, together. */
  readonly keptNanos: Nanos;
}

export interface LeaseUse {
  readonly record: string;
  readonly tenant: string;
  readonly budget: string;
  readonly lease: string;
  readonly amountNanos: Nanos;
  /** What a closed lease kept for this record at most. */
  readonly keptNanos: Nanos;
  /** The lease that kept it: the record's first one, where the work was begun again under another. */
  readonly keptBy: string;
}

export interface LeaseUseBooking {
  readonly record: string;
  readonly fromLeaseNanos: Nanos;
  /** What the lease could not pay. */
  readonly fromAvailableNanos: Nanos;
  /** Kept by the closed lease and not used. */
  readonly returnedNanos: Nanos;
  readonly anomaly: AnomalyKind | undefined;
}

/**
 * From where each usage is paid: the lease as long as it lasts, then the budget. Usage that happened is always booked; what
 * the lease could not pay is named. Answers the bookings and what is left of each lease.
 */
export function useLeases(leases: ReadonlyMap<string, LeaseBalance>, uses: readonly LeaseUse[]): { bookings: LeaseUseBooking[]; remaining: Map<string, Nanos> } {
  const remaining = new Map([...leases].map(([id, lease]) => [id, lease.remainingNanos]));
  const kept = new Map([...leases].map(([id, lease]) => [id, lease.keptNanos]));
  /** A closed lease needs to keep less by what it kept for a record: gives how much of what is left goes back. It may have kept for more records than it has money for. */
  const letGo = (id: string, keptNanos: Nanos): Nanos => {
    const left = remaining.get(id)!;
    if (left === 0n) return 0n;
    const needed = kept.get(id)! - keptNanos;
    kept.set(id, needed);
    const returnedNanos = left > needed ? left - needed : 0n;
    remaining.set(id, left - returnedNanos);
    return returnedNanos;
  };
  /** What another lease kept for the record and is not needed for it. */
  const returnKept = ({ keptBy, keptNanos, budget, tenant }: LeaseUse): Nanos => {
    const keeper = leases.get(keptBy);
    return keeper && !keeper.open && keeper.budget === budget && keeper.tenant === tenant ? letGo(keptBy, keptNanos) : 0n;
  };
  const bookings = uses.map((use): LeaseUseBooking => {
    const { record, amountNanos } = use;
    const lease = leases.get(use.lease);
    const isOwnKeep = use.keptBy === use.lease;
    if (!lease || lease.budget !== use.budget || lease.tenant !== use.tenant) {
      return { record, fromLeaseNanos: 0n, fromAvailableNanos: amountNanos, returnedNanos: isOwnKeep ? 0n : returnKept(use), anomaly: anomalyKinds.unknownLease };
    }
    const left = remaining.get(lease.id)!;
    const keptNanos = isOwnKeep ? use.keptNanos : 0n;
    const usable = lease.open || left < keptNanos ? left : keptNanos;
    const fromLeaseNanos = amountNanos < usable ? amountNanos : usable;
    const fromAvailableNanos = amountNanos - fromLeaseNanos;
    remaining.set(lease.id, left - fromLeaseNanos);
    const returnedNanos = (lease.open ? 0n : letGo(lease.id, keptNanos)) + (isOwnKeep ? 0n : returnKept(use));
    const short = lease.open ? anomalyKinds.leaseOverrun : anomalyKinds.lateLeaseUsage;
    return { record, fromLeaseNanos, fromAvailableNanos, returnedNanos, anomaly: fromAvailableNanos > 0n ? short : undefined };
  });
  return { bookings, remaining };
}
