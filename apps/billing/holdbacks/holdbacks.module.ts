import { Module } from '@nestjs/common';
import { AdjustmentsStore } from '../adjustments/adjustments.store.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { PayablesModule } from '../payables/payables.module.js';
import { PricesModule } from '../prices/prices.module.js';
import { RecordsModule } from '../records/records.module.js';
import { Holdbacks } from './holdbacks.service.js';
import { HoldbacksRpc } from './holdbacks.rpc.js';
import { HoldbacksStore } from './holdbacks.store.js';
import { Holding } from './holding.service.js';
import { VerdictsConsumer } from './verdicts.consumer.js';

/** Earnings that wait until work is verified. */
@Module({
  imports: [LedgerModule, PayablesModule, PricesModule, RecordsModule],
  controllers: [HoldbacksRpc, VerdictsConsumer],
  providers: [AdjustmentsStore, Holdbacks, HoldbacksStore, Holding],
  exports: [Holding],
})
export class HoldbacksModule {}
