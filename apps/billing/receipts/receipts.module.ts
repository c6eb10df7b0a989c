import { Module } from '@nestjs/common';
import { PricesModule } from '../prices/prices.module.js';
import { RecordsModule } from '../records/records.module.js';
import { ReceiptMatcher } from './receipt-matcher.service.js';
import { ReceiptsConsumer } from './receipts.consumer.js';
import { ReceiptsRpc } from './receipts.rpc.js';
import { ReceiptsService } from './receipts.service.js';
import { ReceiptsStore } from './receipts.store.js';
import { SettledNotices } from './settled-notices.service.js';

@Module({
  imports: [PricesModule, RecordsModule],
  controllers: [ReceiptsConsumer, ReceiptsRpc],
  providers: [ReceiptsStore, ReceiptsService, ReceiptMatcher, SettledNotices],
  exports: [ReceiptsStore, SettledNotices],
})
export class ReceiptsModule {}
