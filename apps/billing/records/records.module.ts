import { Module } from '@nestjs/common';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { SteadyClock } from '../steady-clock.service.js';
import { JetStreamRecordsProgress, RecordsProgress } from './records-progress.service.js';
import { TenantRecords } from './tenant-records.service.js';

@Module({
  providers: [SteadyClock, AnomaliesStore, TenantRecords, { provide: RecordsProgress, useClass: JetStreamRecordsProgress }],
  exports: [SteadyClock, AnomaliesStore, TenantRecords, RecordsProgress],
})
export class RecordsModule {}
