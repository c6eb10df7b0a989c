import { Module } from '@nestjs/common';
import { AdjustmentsStore } from '../adjustments/adjustments.store.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { PayablesModule } from '../payables/payables.module.js';
import { PricesModule } from '../prices/prices.module.js';
import { RecordsModule } from '../records/records.module.js';
import { Corrections } from './corrections.service.js';
import { CorrectionsRpc } from './corrections.rpc.js';
import { CorrectionsStore } from './corrections.store.js';

/** Usage that was recorded wrong or late. */
@Module({ imports: [LedgerModule, PayablesModule, PricesModule, RecordsModule], controllers: [CorrectionsRpc], providers: [AdjustmentsStore, Corrections, CorrectionsStore] })
export class CorrectionsModule {}
