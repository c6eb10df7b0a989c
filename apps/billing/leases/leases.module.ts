import { Module } from '@nestjs/common';
import { AdmissionsStore } from '../admissions/admissions.store.js';
import { BudgetsRpc } from '../budgets/budgets.rpc.js';
import { BudgetsService } from '../budgets/budgets.service.js';
import { BudgetsStore } from '../budgets/budgets.store.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { RecordsModule } from '../records/records.module.js';
import { LeaseHolders, NatsLeaseHolders } from './lease-holders.js';
import { LeasesRpc } from './leases.rpc.js';
import { LeasesService } from './leases.service.js';
import { LeasesStore } from './leases.store.js';
import { RecallService } from './recall.service.js';
import { ReclaimService } from './reclaim.service.js';
import { SpendLimits } from './spend-limits.service.js';
import { SpendStore } from './spend.store.js';

/** Budgets, the leases granted from them, and what is admitted under these. */
@Module({
  imports: [LedgerModule, RecordsModule],
  controllers: [BudgetsRpc, LeasesRpc],
  providers: [AdmissionsStore, BudgetsStore, BudgetsService, LeasesStore, LeasesService, RecallService, ReclaimService, SpendLimits, SpendStore, { provide: LeaseHolders, useClass: NatsLeaseHolders }],
  exports: [AdmissionsStore, BudgetsStore, LeasesStore],
})
export class LeasesModule {}
