import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Ids, isDomainError } from '#kernel';
import type { Nanos } from '#kernel';
import { failure } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { BudgetsStore } from '../budgets/budgets.store.js';
import { budgetAccounts } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import { SteadyClock } from '../steady-clock.service.js';
import { leaseSize } from './lease-size.js';
import { LeasesStore } from './leases.store.js';
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
    @Inject(ReclaimService) private readonly reclaim: ReclaimService,
    @Inject(SpendLimits) private readonly spendLimits: SpendLimits,
  ) {}

  /** Sets money of a project's budget aside for one gateway. Errors: BUDGET_MISSING, BUDGET_EXHAUSTED, SPEND_LIMIT_REACHED, AMOUNT_INVALID. */
  async acquire(request: LeaseRequest): Promise<Lease> {
    if (request.needNanos < 0n || request.demandNanosPerSecond < 0n) throw failure('AMOUNT_INVALID', 'needNanos and demandNanosPerSecond must not be negative');
    const { budget, lease } = await this.grant(request).catch((error: unknown) => this.unlessReturned(error, request));
    if (lease) return lease;
    if (budget !== undefined) await this.reclaim.closeDueOf(budget, returnWaitMs);
    const again = await this.grant(request);
    if (again.lease) return again.lease;
    throw failure('BUDGET_EXHAUSTED', 'what is left of the budget does not cover this request; raise the budget or wait for running requests to end', { budget });
  }

  /** Ends a lease before its time; what is left of it returns as soon as the records under it are booked. */
  async release(lease: string, gateway: string, fence: number): Promise<boolean> {
    return withTenant(this.dataSource, '*', (manager) => this.leases.release(manager, lease, gateway, fence, this.clock.nowMs()));
  }

  /** What may be spent in this period may lie in finished leases, whichever budget they are of. */
  private async unlessReturned(error: unknown, { tenant }: LeaseRequest): Promise<{ budget: undefined; lease: undefined }> {
    if (!isDomainError(error, 'SPEND_LIMIT_REACHED')) throw error;
    const budgets = await withTenant(this.dataSource, tenant, (manager) => this.budgets.list(manager));
    await Promise.all(budgets.map(({ id }) => this.reclaim.closeDueOf(id, returnWaitMs)));
    return { budget: undefined, lease: undefined };
  }

  /** The budget's balances are locked from the look at what is available until the grant is in the books. */
  private grant(request: LeaseRequest): Promise<{ budget: string; lease: Lease | undefined }> {
    const { tenant, project, gateway, keyId } = request;
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.spendLimits.takeTurn(manager, request);
      const budget = await this.budgets.find(manager, tenant, project);
      if (!budget) throw failure('BUDGET_MISSING', 'the project has no budget; set one first', { tenant, project });
      const { available, leased } = budgetAccounts(budget.id, tenant);
      const [availableNanos] = await this.ledger.lock(manager, [available, leased]);
      const holders = 1 + (await this.leases.otherHolders(manager, budget.id, gateway));
      if (request.needNanos > 0n && request.needNanos > availableNanos!) return { budget: budget.id, lease: undefined };
      const spendable = await this.spendLimits.left(manager, { tenant, project, keyId, budget: budget.id }, request.needNanos);
      const amountNanos = leaseSize({ ...request, availableNanos: spendable === undefined || spendable > availableNanos! ? availableNanos! : spendable, holders });
      if (amountNanos === undefined) return { budget: budget.id, lease: undefined };
      const id = this.ids.uuid();
      const grantedAtMs = this.clock.nowMs();
      const ttlMs = this.config.BILLING_LEASE_TTL_MS;
      const closesAtMs = grantedAtMs + ttlMs + this.config.BILLING_LEASE_GRACE_MS;
      const fence = await this.leases.insert(manager, { id, budget: budget.id, tenant, keyId, gateway, amountNanos, grantedAtMs, closesAtMs });
      await this.ledger.post(manager, [transfer(id, 'lease.grant', tenant, move(available, leased, amountNanos))]);
      return { budget: budget.id, lease: { lease: id, budget: budget.id, amountNanos, fence, ttlMs } };
    });
  }
}
