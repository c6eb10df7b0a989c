import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/ledger.module.js';
import { RecordsModule } from '../records/records.module.js';
import { CloseTimer } from './close-timer.service.js';
import { ClosesRpc } from './closes.rpc.js';
import { ClosesService } from './closes.service.js';
import { ClosesStore } from './closes.store.js';
import { LogComparer } from './log-comparison.service.js';
import { Outside, OutsideByCalls } from './outside.js';
import { OwnBooksStore } from './own-books.store.js';
import { Patience } from './patience.js';

/** The daily close of the books. */
@Module({
  imports: [LedgerModule, RecordsModule],
  controllers: [ClosesRpc],
  providers: [ClosesStore, OwnBooksStore, LogComparer, Patience, ClosesService, CloseTimer, { provide: Outside, useClass: OutsideByCalls }],
  exports: [Outside],
})
export class ClosesModule {}
