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
}

export interface LeaseUse {
  readonly record: string;
  readonly tenant: string;
  readonly budget: string;
  readonly lease: string;
  readonly amountNanos: Nanos;
  /** What the closed lease kept for this record. */
  readonly keptNanos: Nanos;
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
  const bookings = uses.map((use): LeaseUseBooking => {
    const { record, amountNanos } = use;
    const lease = leases.get(use.lease);
    if (!lease || lease.budget !== use.budget || lease.tenant !== use.tenant) {
      return { record, fromLeaseNanos: 0n, fromAvailableNanos: amountNanos, returnedNanos: 0n, anomaly: anomalyKinds.unknownLease };
    }
    const left = remaining.get(lease.id)!;
    const usable = lease.open ? left : use.keptNanos;
    const fromLeaseNanos = amountNanos < usable ? amountNanos : usable;
    const returnedNanos = lease.open ? 0n : use.keptNanos - fromLeaseNanos;
    const fromAvailableNanos = amountNanos - fromLeaseNanos;
    remaining.set(lease.id, left - fromLeaseNanos - returnedNanos);
    const short = lease.open ? anomalyKinds.leaseOverrun : anomalyKinds.lateLeaseUsage;
    return { record, fromLeaseNanos, fromAvailableNanos, returnedNanos, anomaly: fromAvailableNanos > 0n ? short : undefined };
  });
  return { bookings, remaining };
}
