import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Ids } from '#kernel';
import type { DomainError, Nanos } from '#kernel';
import { billingCalls, failure } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { BudgetsStore } from '../budgets/budgets.store.js';
import { budgetAccounts } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import { SteadyClock } from '../steady-clock.service.js';
import { leaseSize } from './lease-size.js';
import { LeasesStore } from './leases.store.js';
import { RecallService, widest } from './recall.service.js';
import type { Lack } from './recall.service.js';
import { ReclaimService } from './reclaim.service.js';
import { SpendLimits } from './spend-limits.service.js';

export interface LeaseRequest {
  readonly tenant: string;
  readonly project: string;
  /** The key that alone may use the lease. */
  readonly keyId?: string | undefined;
  readonly gateway: string;
  readonly needNanos: Nanos;
  readonly demandNanosPerSecond: Nanos;
}

export interface Lease {
  readonly lease: string;
  readonly budget: string;
  readonly amountNanos: Nanos;
  readonly fence: number;
  readonly ttlMs: number;
}

/** How long an acquirer waits for money of finished leases to come back; well within the call's own two seconds. */
const returnWaitMs = 1_000;

/** Who asked has gone by two seconds: a lease that is granted after this would lie with nobody until it expires. */
const grantMs = billingCalls.acquireLease.timeoutMs * 0.9;

@Injectable()
export class LeasesService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(SteadyClock) private readonly clock: SteadyClock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(BudgetsStore) private readonly budgets: BudgetsStore,
    @Inject(LeasesStore) private readonly leases: LeasesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(RecallService) private readonly recalls: RecallService,
    @Inject(ReclaimService) private readonly reclaim: ReclaimService,
    @Inject(SpendLimits) private readonly spendLimits: SpendLimits,
  ) {}

  /**
   * Sets money of a project's budget aside for one gateway. A refusal comes after what others hold and do not need was asked back, and after what finished
   * leases return. Errors: BUDGET_MISSING, BUDGET_EXHAUSTED, SPEND_LIMIT_REACHED, AMOUNT_INVALID, SERVICE_UNAVAILABLE when it took too long.
   */
  async acquire(request: LeaseRequest): Promise<Lease> {
    if (request.needNanos < 0n || request.demandNanosPerSecond < 0n) throw failure('AMOUNT_INVALID', 'needNanos and demandNanosPerSecond must not be negative');
    const untilMs = this.clock.nowMs() + grantMs;
    let outcome = await this.grant(request, untilMs);
    if (outcome.short && (await this.recalls.recall(outcome.short))) outcome = await this.grant(request, untilMs);
    if (outcome.short) {
      await this.closeDue(widest(outcome.short));
      // Also where nothing was due: a sweep may have been faster.
      outcome = await this.grant(request, untilMs);
    }
    if (outcome.short) throw outcome.short[0].error;
    return outcome.lease;
  }

  /**
   * Ends a lease before its time. What is beyond `usedNanosMax` is back at once, what is left of the rest as soon as the records under it are booked.
   * `false` when there is no such open lease.
   */
  async release(lease: string, gateway: string, fence: number, usedNanosMax?: Nanos): Promise<boolean> {
    return withTenant(this.dataSource, '*', async (manager) => {
      if (usedNanosMax !== undefined) await this.recalls.giveBack(manager, [{ lease, gateway, fence, usedNanosMax }]);
      return this.leases.release(manager, lease, gateway, fence, this.clock.nowMs());
    });
  }

  /** What may be spent in this period may lie in finished leases, whichever budget they are of. */
  private async closeDue({ tenant, budget }: Lack): Promise<void> {
    const budgets = budget === null ? (await withTenant(this.dataSource, tenant, (manager) => this.budgets.list(manager))).map(({ id }) => id) : [budget];
    await Promise.all(budgets.map((id) => this.reclaim.closeDueOf(id, returnWaitMs)));
  }

  /** The budget's balances are locked from the look at what is available until the grant is in the books. */
  private grant(request: LeaseRequest, untilMs: number): Promise<Outcome> {
    return withTenant(this.dataSource, '*', (manager) => this.grantWithin(manager, request, untilMs));
  }

  private async grantWithin(manager: EntityManager, request: LeaseRequest, untilMs: number): Promise<Outcome> {
    const { tenant, project, gateway, keyId, needNanos } = request;
    await this.spendLimits.takeTurn(manager, request);
    const budget = await this.budgets.find(manager, tenant, project);
    if (!budget) throw failure('BUDGET_MISSING', 'the project has no budget; set one first', { tenant, project });
    const { available, leased } = budgetAccounts(budget.id, tenant);
    const [availableNanos] = await this.ledger.lock(manager, [available, leased]);
    const ofBudget = { tenant, budget: budget.id };
    const spendable = await this.spendLimits.left(manager, { ...ofBudget, project, keyId }, needNanos);
    const lacks = [
      ...(needNanos > 0n && needNanos > availableNanos! ? [exhausted(ofBudget, needNanos - availableNanos!)] : []),
      ...spendable.short.map(({ scope, nanos, error }): Short => ({ tenant, budget: scope === 'organisation' ? null : budget.id, ...(scope === 'key' && { keyId }), nanos, error })),
    ];
    if (isShort(lacks)) return { lease: undefined, short: lacks };
    const holders = 1 + (await this.leases.otherHolders(manager, budget.id, gateway));
    const amountNanos = leaseSize({ ...request, availableNanos: spendable.nanos === undefined || spendable.nanos > availableNanos! ? availableNanos! : spendable.nanos, holders });
    if (amountNanos === undefined) return { lease: undefined, short: [exhausted(ofBudget, 1n)] };
    if (this.clock.nowMs() > untilMs) throw failure('SERVICE_UNAVAILABLE', 'it took too long until a lease could be granted; nothing was set aside, try again', { tenant, project });
    const id = this.ids.uuid();
    const grantedAtMs = this.clock.nowMs();
    const ttlMs = this.config.BILLING_LEASE_TTL_MS;
    const closesAtMs = grantedAtMs + ttlMs + this.config.BILLING_LEASE_GRACE_MS;
    const fence = await this.leases.insert(manager, { id, budget: budget.id, tenant, keyId, gateway, amountNanos, grantedAtMs, closesAtMs });
    await this.ledger.post(manager, [transfer(id, 'lease.grant', tenant, move(available, leased, amountNanos))]);
    return { lease: { lease: id, budget: budget.id, amountNanos, fence, ttlMs }, short: undefined };
  }
}

/** What a lease was refused for. */
interface Short extends Lack {
  readonly error: DomainError;
}

/** The first one's error is told. */
type Shorts = readonly [Short, ...Short[]];

const isShort = (lacks: readonly Short[]): lacks is Shorts => lacks.length > 0;

type Outcome = { readonly lease: Lease; readonly short: undefined } | { readonly lease: undefined; readonly short: Shorts };

const exhausted = (of: { readonly tenant: string; readonly budget: string }, nanos: Nanos): Short => ({
  ...of,
  nanos,
  error: failure('BUDGET_EXHAUSTED', 'what is left of the budget does not cover this request; raise the budget or wait for running requests to end', { budget: of.budget }),
});
