import { assert } from '#kernel';
import type { Clock } from '#kernel';
import type { Lease } from './lease-issuer.js';
import { DemandMeter } from './demand-meter.js';

/** Money set aside for one job. */
export interface Hold {
  readonly account: LeaseAccount;
  readonly lease: string;
  readonly budget: string;
  readonly fence: number;
  readonly amountNanos: bigint;
}

interface HeldLease {
  readonly grant: Lease;
  remainingNanos: bigint;
  openHolds: number;
  /** Monotonic milliseconds. */
  readonly usableUntilMs: number;
}

/** The leases of one project in this gateway, or of one of its keys whose spend is limited. */
export class LeaseAccount {
  readonly demand: DemandMeter;
  /** The purchase under way. */
  purchase: { readonly needNanos: bigint; readonly done: Promise<void> } | undefined;
  private leases: HeldLease[] = [];
  /** Open holds by identity, with their lease: a lease may leave the list while holds on it are open. */
  private readonly open = new Map<Hold, HeldLease>();

  constructor(
    readonly tenant: string,
    readonly project: string,
    readonly keyId: string | undefined,
    private readonly clock: Clock,
  ) {
    this.demand = new DemandMeter(clock);
  }

  get openHolds(): number {
    return this.open.size;
  }

  add(grant: Lease, usableUntilMs: number): void {
    this.leases.push({ grant, remainingNanos: grant.amountNanos, openHolds: 0, usableUntilMs });
  }

  /** A hold on the first usable lease with enough in it, oldest first; `undefined` when none has. */
  take(amountNanos: bigint): Hold | undefined {
    const nowMs = this.clock.monotonicMs();
    const lease = this.leases.find((candidate) => candidate.usableUntilMs > nowMs && candidate.remainingNanos >= amountNanos);
    if (!lease) return undefined;
    lease.remainingNanos -= amountNanos;
    lease.openHolds += 1;
    const hold: Hold = { account: this, lease: lease.grant.lease, budget: lease.grant.budget, fence: lease.grant.fence, amountNanos };
    this.open.set(hold, lease);
    return hold;
  }

  /** False when the hold had ended before. */
  settle(hold: Hold, actualNanos: bigint): boolean {
    const lease = this.open.get(hold);
    if (!lease) return false;
    assert(actualNanos >= 0n && actualNanos <= hold.amountNanos, 'a job costs at most what was reserved');
    this.open.delete(hold);
    lease.openHolds -= 1;
    lease.remainingNanos += hold.amountNanos - actualNanos;
    return true;
  }

  /** Takes leases out that are past their use and carry no open hold. */
  dropExpired(): Lease[] {
    const nowMs = this.clock.monotonicMs();
    return this.drop((lease) => lease.usableUntilMs <= nowMs);
  }

  /** Takes every lease out that carries no open hold. */
  dropIdle(): Lease[] {
    return this.drop(() => true);
  }

  private drop(wanted: (lease: HeldLease) => boolean): Lease[] {
    const dropped = this.leases.filter((lease) => lease.openHolds === 0 && wanted(lease));
    this.leases = this.leases.filter((lease) => !dropped.includes(lease));
    return dropped.map(({ grant }) => grant);
  }
}
