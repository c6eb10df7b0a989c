import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Ids } from '#kernel';
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

export interface LeaseRequest {
  readonly tenant: string;
  readonly project: string;
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
  ) {}

  /** Sets money of a project's budget aside for one gateway. Errors: BUDGET_MISSING, BUDGET_EXHAUSTED, AMOUNT_INVALID. */
  async acquire(request: LeaseRequest): Promise<Lease> {
    if (request.needNanos < 0n || request.demandNanosPerSecond < 0n) throw failure('AMOUNT_INVALID', 'needNanos and demandNanosPerSecond must not be negative');
    const { budget, lease } = await this.grant(request);
    if (lease) return lease;
    await this.reclaim.closeDueOf(budget, returnWaitMs);
    const again = await this.grant(request);
    if (again.lease) return again.lease;
    throw failure('BUDGET_EXHAUSTED', 'what is left of the budget does not cover this request; raise the budget or wait for running requests to end', { budget });
  }

  /** Ends a lease before its time; what is left of it returns as soon as the records under it are booked. */
  async release(lease: string, gateway: string, fence: number): Promise<boolean> {
    return withTenant(this.dataSource, '*', (manager) => this.leases.release(manager, lease, gateway, fence, this.clock.nowMs()));
  }

  /** The budget's balances are locked from the look at what is available until the grant is in the books. */
  private grant(request: LeaseRequest): Promise<{ budget: string; lease: Lease | undefined }> {
    const { tenant, project, gateway } = request;
    return withTenant(this.dataSource, '*', async (manager) => {
      const budget = await this.budgets.find(manager, tenant, project);
      if (!budget) throw failure('BUDGET_MISSING', 'the project has no budget; set one first', { tenant, project });
      const { available, leased } = budgetAccounts(budget.id, tenant);
      const [availableNanos] = await this.ledger.lock(manager, [available, leased]);
      const holders = 1 + (await this.leases.otherHolders(manager, budget.id, gateway));
      const amountNanos = leaseSize({ ...request, availableNanos: availableNanos!, holders });
      if (amountNanos === undefined) return { budget: budget.id, lease: undefined };
      const id = this.ids.uuid();
      const grantedAtMs = this.clock.nowMs();
      const ttlMs = this.config.BILLING_LEASE_TTL_MS;
      const closesAtMs = grantedAtMs + ttlMs + this.config.BILLING_LEASE_GRACE_MS;
      const fence = await this.leases.insert(manager, { id, budget: budget.id, tenant, gateway, amountNanos, grantedAtMs, closesAtMs });
      await this.ledger.post(manager, [transfer(id, 'lease.grant', tenant, move(available, leased, amountNanos))]);
      return { budget: budget.id, lease: { lease: id, budget: budget.id, amountNanos, fence, ttlMs } };
    });
  }
}
