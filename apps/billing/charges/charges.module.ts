import { Module } from '@nestjs/common';
import { AdmissionSweeper } from '../admissions/admission-sweeper.service.js';
import { HoldbacksModule } from '../holdbacks/holdbacks.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { LeasesModule } from '../leases/leases.module.js';
import { PricesModule } from '../prices/prices.module.js';
import { ReceiptsModule } from '../receipts/receipts.module.js';
import { RecordsModule } from '../records/records.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { BookingTerms } from './booking-terms.js';
import { BookingService } from './booking.service.js';
import { ChargesRpc } from './charges.rpc.js';
import { ChargesStore } from './charges.store.js';
import { PostedChargesStore } from './posted-charges.store.js';
import { RecordsConsumer } from './records.consumer.js';

/** Records in, charges out; and the end of admissions that nobody ended. */
@Module({
  imports: [HoldbacksModule, LedgerModule, LeasesModule, PricesModule, ReceiptsModule, RecordsModule, UsageModule],
  controllers: [RecordsConsumer, ChargesRpc],
  providers: [BookingService, BookingTerms, ChargesStore, PostedChargesStore, AdmissionSweeper],
})
export class ChargesModule {}
