import { defineService } from '#service';
import { PayerAdmission1767225612773 } from './admission/payer-admission.migration.js';
import { OperatorAnchors1767225612300 } from './anchors/operator-anchors.migration.js';
import { DepositReversals1767225612910 } from './chain-events/deposit-reversals.migration.js';
import { FinalityBreaks1767225612835 } from './chain-events/finality-breaks.migration.js';
import { settlementConfig } from './config.js';
import { DelegatedStatements1767225612880 } from './epochs/delegated-statements.migration.js';
import { DepositVoids1767225613800 } from './epochs/deposit-voids.migration.js';
import { TakenBackStatements1767225612843 } from './epochs/taken-back.migration.js';
import { VoidedStatements1767225612860 } from './epochs/voided-statements.migration.js';
import { PaidDebts1767225613100 } from './exposure/paid-debts.migration.js';
import { RatesOfStatements1767225612771 } from './conversions/rates.migration.js';
import { CreateSettlement } from './migrations/create-settlement.migration.js';
import { HandOutStatements } from './migrations/hand-out-statements.migration.js';
import { RememberFirstTimes } from './migrations/remember-first-times.migration.js';
import { X402Payments } from './migrations/x402-payments.migration.js';
import { LimitGasSpend } from './migrations/limit-gas-spend.migration.js';
import { Reconciliations } from './reconciliation/reconciliations.migration.js';
import { DisputeProofs1767225612840 } from './payouts/dispute-proofs.migration.js';
import { PayoutRules1767225612772 } from './payouts/payout-rules.migration.js';
import { SettlementModule } from './settlement.module.js';
import { Wallets1767225614302 } from './wallets/wallets.migration.js';
import { X402Jurisdictions1767225613201 } from './x402/x402-jurisdictions.migration.js';
import { X402Landing1767225613200 } from './x402/x402-landing.migration.js';
import { X402Transfers1767225614301 } from './x402/x402-transfers.migration.js';
import { X402Refusals1767225612841 } from './x402/x402-refusals.migration.js';

/** Puts the books' payables on chain and tells the books what the chain says. */
export const settlement = defineService({
  name: 'settlement',
  config: settlementConfig,
  module: () => SettlementModule,
  migrations: [CreateSettlement, OperatorAnchors1767225612300, LimitGasSpend, HandOutStatements, X402Payments, RememberFirstTimes, Reconciliations, RatesOfStatements1767225612771, PayoutRules1767225612772, PayerAdmission1767225612773, FinalityBreaks1767225612835, DisputeProofs1767225612840, X402Refusals1767225612841, TakenBackStatements1767225612843, VoidedStatements1767225612860, DelegatedStatements1767225612880, DepositReversals1767225612910, PaidDebts1767225613100, X402Landing1767225613200, X402Jurisdictions1767225613201, DepositVoids1767225613800, X402Transfers1767225614301, Wallets1767225614302],
  http: 'internal',
});
