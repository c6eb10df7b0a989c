import { assert } from '#kernel';
import type { Clock } from '#kernel';
import type { UsedLease } from '#protocol';
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
  /** Of the grant, less what was given up. */
  amountNanos: bigint;
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
    this.leases.push({ grant, amountNanos: grant.amountNanos, remainingNanos: grant.amountNanos, openHolds: 0, usableUntilMs });
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

  /**
   * Gives up whatever no hold is on, of up to `leasesMax` leases of a budget, or of any: it is not used here any more, whether billing hears of it or not. What was given up before is
   * said again: that answer may be lost, or heard by nobody yet.
   */
  giveUp(budget: string | null, leasesMax: number): UsedLease[] {
    const wanted = this.leases.filter(({ grant, amountNanos, remainingNanos }) => (remainingNanos > 0n || amountNanos < grant.amountNanos) && (budget === null || grant.budget === budget));
    // What is new goes first, if not all fits into an answer.
    wanted.sort((one, other) => Number(other.remainingNanos > 0n) - Number(one.remainingNanos > 0n)).splice(leasesMax);
    for (const lease of wanted) {
      lease.amountNanos -= lease.remainingNanos;
      lease.remainingNanos = 0n;
    }
    return wanted.map(usedOf);
  }

  /** Takes leases out that are past their use and carry no open hold. Answers those that something is left of. */
  dropExpired(): UsedLease[] {
    const nowMs = this.clock.monotonicMs();
    return this.drop((lease) => lease.usableUntilMs <= nowMs);
  }

  /** Takes every lease out that carries no open hold. Answers those that something is left of. */
  dropIdle(): UsedLease[] {
    return this.drop(() => true);
  }

  private drop(wanted: (lease: HeldLease) => boolean): UsedLease[] {
    const dropped = this.leases.filter((lease) => lease.openHolds === 0 && wanted(lease));
    this.leases = this.leases.filter((lease) => !dropped.includes(lease));
    return dropped.filter(({ remainingNanos }) => remainingNanos > 0n).map(usedOf);
  }
}

const usedOf = ({ grant, amountNanos, remainingNanos }: HeldLease): UsedLease => ({ lease: grant.lease, fence: grant.fence, usedNanosMax: amountNanos - remainingNanos });
