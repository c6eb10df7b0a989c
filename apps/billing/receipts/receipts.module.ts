import { Module } from '@nestjs/common';
import { PricesModule } from '../prices/prices.module.js';
import { RecordsModule } from '../records/records.module.js';
import { ClaimsRpc } from './claims.rpc.js';
import { ClaimsStore } from './claims.store.js';
import { ReceiptMatcher } from './receipt-matcher.service.js';
import { ReceiptsConsumer } from './receipts.consumer.js';
import { ReceiptsService } from './receipts.service.js';
import { ReceiptsStore } from './receipts.store.js';
import { SettledNotices } from './settled-notices.service.js';

@Module({
  imports: [PricesModule, RecordsModule],
  controllers: [ReceiptsConsumer, ClaimsRpc],
  providers: [ClaimsStore, ReceiptsStore, ReceiptsService, ReceiptMatcher, SettledNotices],
  exports: [ReceiptsStore, SettledNotices],
})
export class ReceiptsModule {}
