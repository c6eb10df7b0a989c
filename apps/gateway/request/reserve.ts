import { assert } from '#kernel';
import type { Clock, DomainError } from '#kernel';
import { failure, leasesOfRecallMax, limits } from '#protocol';
import type { LeaseRecall, UsedLease } from '#protocol';
import type { ExposureGuard } from './exposure-guard.js';
import type { LeaseIssuer } from './lease-issuer.js';
import { LeaseAccount } from './lease-account.js';
import type { Hold } from './lease-account.js';
import { isOutOfMoney } from './out-of-money.js';

/**
 * Step 4: money for a job from a budget lease. Leases are bought from billing ahead of need, one purchase at a time for each
 * project, so that no number of requests or gateways can spend more than the budget.
 */
export class LeaseBook {
  private readonly accounts = new Map<string, LeaseAccount>();
  private closed = false;

  constructor(
    private readonly issuer: LeaseIssuer,
    private readonly clock: Clock,
    private readonly exposure?: ExposureGuard,
  ) {}

  /**
   * Takes `amountNanos` out of a lease; `keyId`: one whose spend is limited has leases of its own.
   * Errors: EXPOSURE_EXCEEDED, BUDGET_EXHAUSTED, SPEND_LIMIT_REACHED, BUDGET_MISSING, SERVICE_UNAVAILABLE.
   */
  async hold(tenant: string, project: string, amountNanos: bigint, keyId?: string): Promise<Hold> {
    const account = this.accountOf(tenant, project, keyId);
    account.demand.spent(amountNanos);
    for (;;) {
      if (this.closed) throw failure('SERVICE_UNAVAILABLE', 'this gateway is stopping; try again');
      this.exposure?.assertCovered(tenant, amountNanos);
      const hold = account.take(amountNanos);
      if (hold) {
        this.exposure?.opened(tenant, amountNanos);
        return hold;
      }
      await this.refill(account, amountNanos);
    }
  }

  /** Ends a hold: `actualNanos` are spent, the rest returns to the lease. A hold ends once; again does nothing. */
  settle(hold: Hold, actualNanos: bigint): void {
    if (hold.account.settle(hold, actualNanos)) this.exposure?.ended(hold.account.tenant, hold.amountNanos, actualNanos);
    this.giveBack(hold.account.dropExpired());
  }

  /** What a recall asks for and no hold is on. It is given up here before anybody hears of it: should the answer be lost, it returns when its leases expire. */
  recall({ tenant, budget, keyId }: LeaseRecall): UsedLease[] {
    const given: UsedLease[] = [];
    for (const account of this.accounts.values()) if (account.tenant === tenant && (keyId === undefined || account.keyId === keyId)) given.push(...account.giveUp(budget, leasesOfRecallMax - given.length));
    return given;
  }

  /** No new holds; when the open ones have ended, or after `waitMs`, what is left goes back to the budgets. */
  async close(waitMs: number): Promise<void> {
    this.closed = true;
    const endAtMs = this.clock.monotonicMs() + waitMs;
    const busy = (): boolean => [...this.accounts.values()].some((account) => account.openHolds > 0);
    while (busy() && this.clock.monotonicMs() < endAtMs) await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all([...this.accounts.values()].map((account) => this.release(account.dropIdle())));
  }

  private accountOf(tenant: string, project: string, keyId: string | undefined): LeaseAccount {
    const key = `${tenant} ${project} ${keyId ?? ''}`;
    const known = this.accounts.get(key);
    if (known) return known;
    const fresh = new LeaseAccount(tenant, project, keyId, this.clock);
    this.accounts.set(key, fresh);
    return fresh;
  }

  /** One purchase at a time. A refusal also holds for everyone who waited and needs as much or more. */
  private async refill(account: LeaseAccount, needNanos: bigint): Promise<void> {
    const running = account.purchase;
    if (running) {
      try {
        await running.done;
      } catch (error) {
        if (!isOutOfMoney(error) || needNanos >= running.needNanos) throw error;
      }
      return;
    }
    const done = this.buy(account, needNanos).finally(() => (account.purchase = undefined));
    account.purchase = { needNanos, done };
    await done;
  }

  private async buy(account: LeaseAccount, needNanos: bigint): Promise<void> {
    this.giveBack(account.dropExpired());
    try {
      await this.acquire(account, needNanos);
    } catch (error) {
      // What is left may lie here in leases that are each too small, or another key's or project's: hand them in and ask once more.
      const idle = isOutOfMoney(error) ? [...this.accounts.values()].filter((one) => isPaidWith(one, account, error)).flatMap((one) => one.dropIdle()) : [];
      if (idle.length === 0) throw error;
      await this.release(idle);
      await this.acquire(account, needNanos);
    }
  }

  private async acquire(account: LeaseAccount, needNanos: bigint): Promise<void> {
    // Counted from the sending: whatever the answer takes shortens the use, never lengthens it.
    const sentAtMs = this.clock.monotonicMs();
    const lease = await this.issuer.acquire({ tenant: account.tenant, project: account.project, keyId: account.keyId, needNanos, demandNanosPerSecond: account.demand.nanosPerSecond() });
    assert(lease.amountNanos >= needNanos, 'a lease holds what was needed');
    account.add(lease, sentAtMs + lease.ttlMs * limits.leaseUsableShare);
  }

  private giveBack(leases: readonly UsedLease[]): void {
    if (leases.length > 0) void this.release(leases);
  }

  /** Best effort: what cannot be handed in returns by itself when the lease expires. */
  private async release(leases: readonly UsedLease[]): Promise<void> {
    await Promise.allSettled(leases.map((lease) => this.issuer.release(lease)));
  }
}

/** Whether what an account has counts towards what the other was refused for: leases of others would be handed in for nothing, at each request of a key that has spent its limit. */
function isPaidWith(one: LeaseAccount, refused: LeaseAccount, { code, details }: DomainError): boolean {
  if (one.tenant !== refused.tenant) return false;
  if (code === 'SPEND_LIMIT_REACHED' && details['scope'] === 'key') return one.keyId === refused.keyId;
  return code === 'EXPOSURE_EXCEEDED' || details['scope'] === 'organisation' || one.project === refused.project;
}
