import type { Type } from '@nestjs/common';
import { BatchesController } from './batches/batches.controller.js';
import { BucketsController } from './buckets/buckets.controller.js';
import { BudgetsController } from './budgets/budgets.controller.js';
import { ChargesController } from './budgets/charges.controller.js';
import { CompletenessController } from './completeness/completeness.controller.js';
import { ClaimsController } from './claims/claims.controller.js';
import { ClosesController } from './closes/closes.controller.js';
import { InvoicePartiesController } from './invoices/parties.controller.js';
import { InvoicesController } from './invoices/invoices.controller.js';
import { RefundsController } from './invoices/refunds.controller.js';
import { AgreementsController } from './agreements/agreements.controller.js';
import { CorrectionsController } from './corrections/corrections.controller.js';
import { AccountStatementsController } from './ledger/account-statements.controller.js';
import { JournalController } from './ledger/journal.controller.js';
import { HoldbacksController } from './holdbacks/holdbacks.controller.js';
import { ErasuresController } from './erasures/erasures.controller.js';
import { CostsController } from './costs/costs.controller.js';
import { ExportsController } from './exports/exports.controller.js';
import { FilesController } from './files/files.controller.js';
import { LogController } from './log/log.controller.js';
import { EnrolmentTokensController } from './nodes/enrolment-tokens.controller.js';
import { NodesController } from './nodes/nodes.controller.js';
import { OffersController } from './nodes/offers.controller.js';
import { AudioController } from './media/audio.controller.js';
import { ModerationsController } from './media/moderations.controller.js';
import { PicturesController } from './media/pictures.controller.js';
import { ChatCompletionsController } from './openai/chat-completions.controller.js';
import { CompletionsController } from './openai/completions.controller.js';
import { EmbeddingsController } from './openai/embeddings.controller.js';
import { ModelsController } from './openai/models.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { CustodyController } from './organisations/custody.controller.js';
import { KeysController } from './organisations/keys.controller.js';
import { LimitsController } from './organisations/limits.controller.js';
import { ModelAliasesController } from './organisations/model-aliases.controller.js';
import { OrganisationsController } from './organisations/organisations.controller.js';
import { ProjectsController } from './organisations/projects.controller.js';
import { PayeeRegistrationController } from './payees/payee-registration.controller.js';
import { PayeesController } from './payees/payees.controller.js';
import { BondsController } from './payouts/bonds.controller.js';
import { NonCustodyController } from './payouts/non-custody.controller.js';
import { PayerAdmissionController } from './payouts/payer-admission.controller.js';
import { PayoutDisputesController } from './payout-rules/payout-disputes.controller.js';
import { PayoutHoldsController } from './payout-rules/payout-holds.controller.js';
import { PayoutTermsController } from './payout-rules/payout-terms.controller.js';
import { PayersController } from './payouts/payers.controller.js';
import { PayoutsController } from './payouts/payouts.controller.js';
import { SettlementsController } from './payouts/settlements.controller.js';
import { PoliciesController } from './policies/policies.controller.js';
import { PriceChangesController } from './prices/price-changes.controller.js';
import { PricesController } from './prices/prices.controller.js';
import { PriceBooksController } from './price-books/price-books.controller.js';
import { CheckpointController } from './records/checkpoint.controller.js';
import { QuotesController } from './quotes/quotes.controller.js';
import { RecordsController } from './records/records.controller.js';
import { RoyaltiesController } from './royalties/royalties.controller.js';
import { HeldContentsController } from './retention/held-contents.controller.js';
import { RetentionController } from './retention/retention.controller.js';
import { SavingsController } from './savings/savings.controller.js';
import { SpendWatchController } from './spend-watch/spend-watch.controller.js';
import { ResponsesController } from './responses/responses.controller.js';
import { ReportsController } from './reports/reports.controller.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { X402Controller } from './x402/x402.controller.js';

/** Every endpoint there is, by capability. */
export const controllers: readonly Type[] = [
  EmbeddingsController,
  ChatCompletionsController,
  CompletionsController,
  ModelsController,
  FilesController,
  BatchesController,
  ResponsesController,
  ModerationsController,
  PicturesController,
  AudioController,
  OrganisationsController,
  ProjectsController,
  KeysController,
  CustodyController,
  LimitsController,
  ModelAliasesController,
  PoliciesController,
  BudgetsController,
  ChargesController,
  SpendWatchController,
  CostsController,
  SavingsController,
  ClosesController,
  ClaimsController,
  HoldbacksController,
  InvoicesController,
  InvoicePartiesController,
  RefundsController,
  AgreementsController,
  CorrectionsController,
  JournalController,
  AccountStatementsController,
  PriceChangesController,
  PricesController,
  PriceBooksController,
  QuotesController,
  NodesController,
  EnrolmentTokensController,
  OffersController,
  RecordsController,
  ExportsController,
  BucketsController,
  ReportsController,
  CompletenessController,
  WebhooksController,
  ErasuresController,
  RetentionController,
  HeldContentsController,
  CheckpointController,
  LogController,
  PayeesController,
  PayeeRegistrationController,
  RoyaltiesController,
  PayoutsController,
  PayoutHoldsController,
  PayoutTermsController,
  PayoutDisputesController,
  SettlementsController,
  PayersController,
  PayerAdmissionController,
  BondsController,
  NonCustodyController,
  X402Controller,
  OpenApiController,
];
