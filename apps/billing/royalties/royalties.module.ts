import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/ledger.module.js';
import { PayablesModule } from '../payables/payables.module.js';
import { RecordsModule } from '../records/records.module.js';
import { RoyaltiesConsumer } from './royalties.consumer.js';
import { RoyaltiesRpc } from './royalties.rpc.js';
import { RoyaltiesService } from './royalties.service.js';
import { RoyaltiesStore } from './royalties.store.js';

/** What owners of data have of the charges that used it. */
@Module({ imports: [LedgerModule, PayablesModule, RecordsModule], controllers: [RoyaltiesRpc, RoyaltiesConsumer], providers: [RoyaltiesService, RoyaltiesStore] })
export class RoyaltiesModule {}
