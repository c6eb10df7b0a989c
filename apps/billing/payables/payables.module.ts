import { Module } from '@nestjs/common';
import { InvoicesModule } from '../invoices/invoices.module.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { ReceiptsModule } from '../receipts/receipts.module.js';
import { RecordsModule } from '../records/records.module.js';
import { PayablesRpc } from './payables.rpc.js';
import { PayablesService } from './payables.service.js';
import { PayablesStore } from './payables.store.js';
import { SettlementConsumer } from './settlement.consumer.js';
import { SettlementService } from './settlement.service.js';
import { StatementsStore } from './statements.store.js';

/** What is owed to payees, drawn into statements, and settled by the chain. */
@Module({
  imports: [InvoicesModule, LedgerModule, ReceiptsModule, RecordsModule],
  controllers: [PayablesRpc, SettlementConsumer],
  providers: [PayablesStore, PayablesService, StatementsStore, SettlementService],
  exports: [StatementsStore],
})
export class PayablesModule {}
