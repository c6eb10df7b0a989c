import type { Type } from '@nestjs/common';
import { BatchesController } from './batches/batches.controller.js';
import { BudgetsController } from './budgets/budgets.controller.js';
import { ChargesController } from './budgets/charges.controller.js';
import { ClaimsController } from './claims/claims.controller.js';
import { ClosesController } from './closes/closes.controller.js';
import { InvoicePartiesController } from './invoices/parties.controller.js';
import { InvoicesController } from './invoices/invoices.controller.js';
import { ErasuresController } from './erasures/erasures.controller.js';
import { CostsController } from './costs/costs.controller.js';
import { ExportsController } from './exports/exports.controller.js';
import { FilesController } from './files/files.controller.js';
import { LogController } from './log/log.controller.js';
import { EnrolmentTokensController } from './nodes/enrolment-tokens.controller.js';
import { NodesController } from './nodes/nodes.controller.js';
import { OffersController } from './nodes/offers.controller.js';
import { AbsentEndpointsController } from './openai/absent-endpoints.controller.js';
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
import { PayeesController } from './payees/payees.controller.js';
import { BondsController } from './payouts/bonds.controller.js';
import { NonCustodyController } from './payouts/non-custody.controller.js';
import { PayersController } from './payouts/payers.controller.js';
import { PayoutsController } from './payouts/payouts.controller.js';
import { SettlementsController } from './payouts/settlements.controller.js';
import { PoliciesController } from './policies/policies.controller.js';
import { PricesController } from './prices/prices.controller.js';
import { CheckpointController } from './records/checkpoint.controller.js';
import { QuotesController } from './quotes/quotes.controller.js';
import { RecordsController } from './records/records.controller.js';
import { RoyaltiesController } from './royalties/royalties.controller.js';
import { RetentionController } from './retention/retention.controller.js';
import { SavingsController } from './savings/savings.controller.js';
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
  AbsentEndpointsController,
  OrganisationsController,
  ProjectsController,
  KeysController,
  CustodyController,
  LimitsController,
  ModelAliasesController,
  PoliciesController,
  BudgetsController,
  ChargesController,
  CostsController,
  SavingsController,
  ClosesController,
  ClaimsController,
  InvoicesController,
  InvoicePartiesController,
  PricesController,
  QuotesController,
  NodesController,
  EnrolmentTokensController,
  OffersController,
  RecordsController,
  ExportsController,
  ReportsController,
  WebhooksController,
  ErasuresController,
  RetentionController,
  CheckpointController,
  LogController,
  PayeesController,
  RoyaltiesController,
  PayoutsController,
  SettlementsController,
  PayersController,
  BondsController,
  NonCustodyController,
  X402Controller,
  OpenApiController,
];
