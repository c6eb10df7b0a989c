import { Module } from '@nestjs/common';
import { LeasesModule } from '../leases/leases.module.js';
import { RecordsModule } from '../records/records.module.js';
import { AlertWatch } from './alert-watch.service.js';
import { HardLimits } from './hard-limits.service.js';
import { SpendAlerts } from './spend-alerts.service.js';
import { SpendAlertsStore } from './spend-alerts.store.js';
import { SpendWatchRpc } from './spend-watch.rpc.js';
import { UnusualSpendStore } from './unusual-spend.store.js';
import { UnusualSpendWatch } from './unusual-spend-watch.service.js';

/** Tells organisations of their spend: at thresholds they set, and where it is far from its own past. */
@Module({
  imports: [LeasesModule, RecordsModule],
  controllers: [SpendWatchRpc],
  providers: [AlertWatch, HardLimits, SpendAlerts, SpendAlertsStore, UnusualSpendStore, UnusualSpendWatch],
})
export class SpendWatchModule {}
