import { Module } from '@nestjs/common';
import { AgreementsRpc } from '../agreements/agreements.rpc.js';
import { Agreements } from '../agreements/agreements.service.js';
import { AgreementsStore } from '../agreements/agreements.store.js';
import { InvoiceTerms } from '../agreements/invoice-terms.service.js';
import { InvoiceTermsStore } from '../agreements/invoice-terms.store.js';
import { AdjustmentsStore } from '../adjustments/adjustments.store.js';
import { Credits } from '../credits/credits.service.js';
import { CreditsStore } from '../credits/credits.store.js';
import { LedgerModule } from '../ledger/ledger.module.js';
import { RecordsModule } from '../records/records.module.js';
import { UsageModule } from '../usage/usage.module.js';
import { BalancePayments } from './balance-payments.service.js';
import { ChainPayments } from './chain-payments.service.js';
import { CreditBalancesStore } from './credit-balances.store.js';
import { InvoicePaymentsService } from './invoice-payments.service.js';
import { InvoiceRun } from './invoice-run.service.js';
import { InvoicedChargesStore } from './invoiced-charges.store.js';
import { InvoicesRpc } from './invoices.rpc.js';
import { InvoicesService } from './invoices.service.js';
import { InvoicesStore } from './invoices.store.js';
import { PartiesRpc } from './parties.rpc.js';
import { PartiesStore } from './parties.store.js';
import { PaymentReversals } from './payment-reversals.service.js';
import { PaymentsStore } from './payments.store.js';
import { RefundsRpc } from './refunds.rpc.js';
import { Refunds } from './refunds.service.js';
import { RefundsStore } from './refunds.store.js';

/** What organisations are billed: invoices, credit notes, what was agreed and given beside prices, what was paid and is paid back. */
@Module({
  imports: [LedgerModule, RecordsModule, UsageModule],
  controllers: [AgreementsRpc, InvoicesRpc, PartiesRpc, RefundsRpc],
  providers: [
    ...[AdjustmentsStore, Agreements, AgreementsStore, Credits, CreditsStore, InvoiceTerms, InvoiceTermsStore, PartiesStore],
    ...[InvoicesStore, InvoicedChargesStore, InvoicesService, InvoiceRun, InvoicePaymentsService, PaymentsStore, PaymentReversals, ChainPayments],
    ...[CreditBalancesStore, BalancePayments, RefundsStore, Refunds],
  ],
  exports: [ChainPayments],
})
export class InvoicesModule {}
