import { Module } from '@nestjs/common';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { JetStreamRecordsProgress, RecordsProgress } from './records-progress.service.js';
import { TenantRecords } from './tenant-records.service.js';

@Module({
  providers: [AnomaliesStore, TenantRecords, { provide: RecordsProgress, useClass: JetStreamRecordsProgress }],
  exports: [AnomaliesStore, TenantRecords, RecordsProgress],
})
export class RecordsModule {}
