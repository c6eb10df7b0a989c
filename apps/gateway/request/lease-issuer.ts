import type { Caller } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf, UsedLease } from '#protocol';

export type Lease = ReplyOf<typeof billingCalls.acquireLease>;

export interface LeaseRequest {
  readonly tenant: string;
  readonly project: string;
  /** The key that alone will use the lease. */
  readonly keyId?: string | undefined;
  readonly needNanos: bigint;
  readonly demandNanosPerSecond: bigint;
}

/** Where leases come from. */
export abstract class LeaseIssuer {
  /** Errors: BUDGET_MISSING, BUDGET_EXHAUSTED, SPEND_LIMIT_REACHED, SERVICE_UNAVAILABLE. */
  abstract acquire(request: LeaseRequest): Promise<Lease>;
  /** Ends a lease that has no open hold. */
  abstract release(lease: UsedLease): Promise<void>;
}

/** Leases from billing, for one gateway. */
export class BillingLeases extends LeaseIssuer {
  constructor(
    private readonly caller: Caller,
    private readonly gateway: string,
  ) {
    super();
  }

  acquire(request: LeaseRequest): Promise<Lease> {
    return this.caller.call(billingCalls.acquireLease, { ...request, gateway: this.gateway });
  }

  async release(lease: UsedLease): Promise<void> {
    await this.caller.call(billingCalls.releaseLease, { ...lease, gateway: this.gateway });
  }
}
