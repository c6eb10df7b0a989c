import { Module } from '@nestjs/common';
import { LedgerModule } from '../ledger/ledger.module.js';
import { RecordsModule } from '../records/records.module.js';
import { InvoicePaymentsService } from './invoice-payments.service.js';
import { InvoiceRun } from './invoice-run.service.js';
import { InvoicedChargesStore } from './invoiced-charges.store.js';
import { InvoicesRpc } from './invoices.rpc.js';
import { InvoicesService } from './invoices.service.js';
import { InvoicesStore } from './invoices.store.js';
import { PartiesRpc } from './parties.rpc.js';
import { PartiesStore } from './parties.store.js';
import { PaymentsStore } from './payments.store.js';

/** What organisations are billed: invoices, credit notes, and what was paid on them. */
@Module({
  imports: [LedgerModule, RecordsModule],
  controllers: [InvoicesRpc, PartiesRpc],
  providers: [InvoicesStore, InvoicedChargesStore, PartiesStore, PaymentsStore, InvoicesService, InvoicePaymentsService, InvoiceRun],
})
export class InvoicesModule {}
