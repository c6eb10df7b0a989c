import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import { AdmissionsStore } from '../admissions/admissions.store.js';
import type { BillingConfig } from '../billing-config.js';
import { budgetAccounts, namedUuid } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';
import { RecordsProgress } from '../records/records-progress.service.js';
import { SteadyClock } from '../steady-clock.service.js';
import { leaseReturn } from './lease-return.js';
import type { LeaseBalance } from './lease-usage.js';
import { LeasesStore } from './leases.store.js';

/** Leases closed in one transaction: each takes a lock on its budget's accounts. */
const leasesPerRound = 100;

/**
 * Gives back what holders did not use, once a lease's time and grace are over by this service's steady clock and every record that
 * was in the stream by then is booked. While the books lag behind, nothing is taken back; nor, after a start, of what was granted
 * before it, until a lease's whole life has passed on the monotonic clock: the wall clock may have been set in between.
 */
@Injectable()
export class ReclaimService extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(SteadyClock) private readonly clock: SteadyClock,
    @Inject(LeasesStore) private readonly leases: LeasesStore,
    @Inject(AdmissionsStore) private readonly admissions: AdmissionsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(RecordsProgress) private readonly progress: RecordsProgress,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  async runOnce(): Promise<number> {
    return this.close(Math.min(this.clock.nowMs(), await this.progress.caughtUpToMs()), null);
  }

  /** Closes one budget's finished leases as soon as the books allow, waiting for them up to `waitMs`. */
  async closeDueOf(budget: string, waitMs: number): Promise<void> {
    const { startedAtMs } = this.clock;
    const nowMs = this.clock.nowMs();
    const dueMs = await withTenant(this.dataSource, '*', (manager) => this.leases.latestDueMs(manager, budget, { nowMs, startedAtMs }));
    if (dueMs !== undefined && (await this.progress.reaches(dueMs, waitMs))) await this.close(dueMs, budget);
  }

  private close(untilMs: number, budget: string | null): Promise<number> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const due = await this.leases.lockDue(manager, { nowMs: untilMs, startedAtMs: this.clock.startedAtMs }, leasesPerRound, budget);
      const transfers: Transfer[] = [];
      for (const lease of due) transfers.push(await this.closeOne(manager, lease));
      await this.ledger.post(manager, transfers);
      return due.length;
    });
  }

  private async closeOne(manager: EntityManager, lease: LeaseBalance): Promise<Transfer> {
    const { returnedNanos, kept } = leaseReturn(lease.remainingNanos, await this.leases.openHolds(manager, lease.id));
    await this.admissions.keep(manager, kept);
    await this.leases.close(manager, lease.id, lease.remainingNanos - returnedNanos, returnedNanos, this.clock.nowMs());
    const { available, leased } = budgetAccounts(lease.budget, lease.tenant);
    return transfer(namedUuid('lease.return', lease.id), 'lease.return', lease.tenant, move(leased, available, returnedNanos));
  }
}
