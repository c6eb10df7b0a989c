import { Module } from '@nestjs/common';
import { openSigner } from '#chain';
import type { KeyKeepers } from '#chain';
import { SERVICE_CONFIG } from '#service';
import { AdmissionRpc } from './admission/admission.rpc.js';
import { PayerGate } from './admission/payer-gate.service.js';
import { TokenRules } from './admission/token-rules.service.js';
import { AnchorStore } from './anchors/anchor.store.js';
import { AnchorTimer } from './anchors/anchor-timer.service.js';
import { EmptyStatements } from './anchors/empty-statements.service.js';
import { OperatorAnchors } from './anchors/operator-anchors.service.js';
import { BondsRpc } from './bonds/bonds.rpc.js';
import { BondsService } from './bonds/bonds.service.js';
import { ChangeRecords } from './changes/change-records.service.js';
import { ChainEventStore } from './chain-events/chain-event.store.js';
import { Finality } from './chain-events/finality.service.js';
import { MoneyMoves } from './chain-events/money-moves.service.js';
import { DepositMoves } from './chain-events/deposit-moves.service.js';
import { DepositReversals } from './chain-events/deposit-reversals.service.js';
import { SettledRecord } from './chain-events/settled-record.js';
import { Watcher } from './chain-events/watcher.service.js';
import { ChainLink } from './chain/chain-link.js';
import { ChainLoops } from './chain/chain-loops.service.js';
import { ChainPayers } from './chain/chain-payers.service.js';
import { ChainStateRpc } from './chain/chain-state.rpc.js';
import { ChainStateService } from './chain/chain-state.service.js';
import type { SettlementConfig } from './config.js';
import { Rates } from './conversions/rates.service.js';
import { DepositStore } from './deposits/deposit.store.js';
import { DepositsRpc } from './deposits/deposits.rpc.js';
import { DepositsService } from './deposits/deposits.service.js';
import { DepositCover } from './epochs/deposit-cover.service.js';
import { Draws } from './epochs/draws.service.js';
import { EpochTimer } from './epochs/epoch-timer.service.js';
import { SettleService } from './epochs/settle.service.js';
import { StatementStore } from './epochs/statement.store.js';
import { StatementsRpc } from './epochs/statements.rpc.js';
import { TakenBack } from './epochs/taken-back.service.js';
import { Voids } from './epochs/voids.service.js';
import { ExposureService } from './exposure/exposure.service.js';
import { ExposureStore } from './exposure/exposure.store.js';
import { PaidDebts } from './exposure/paid-debts.store.js';
import { NodesConsumer } from './exposure/nodes.consumer.js';
import { HandedStore } from './handing/handed.store.js';
import { HandingRpc } from './handing/handing.rpc.js';
import { HandingService } from './handing/handing.service.js';
import { PayeeProofStore } from './payees/payee-proof.store.js';
import { PayeeRegistration } from './payees/payee-registration.service.js';
import { PayeeStore } from './payees/payee.store.js';
import { PayeesRpc } from './payees/payees.rpc.js';
import { Registration } from './payees/registration.service.js';
import { Delegates } from './payers/delegates.service.js';
import { PayerKeys } from './payers/payer-keys.js';
import { PayerSigners } from './payers/payer-signers.service.js';
import { PayerStore } from './payers/payer.store.js';
import { PayersRpc } from './payers/payers.rpc.js';
import { PayersService } from './payers/payers.service.js';
import { LogRecords } from './records/log-records.service.js';
import { ReconciliationRpc } from './reconciliation/reconciliation.rpc.js';
import { ReconciliationService } from './reconciliation/reconciliation.service.js';
import { ReconciliationStore } from './reconciliation/reconciliation.store.js';
import { ReconciliationTimer } from './reconciliation/reconciliation-timer.service.js';
import { DisputeStore } from './payouts/dispute.store.js';
import { Disputes } from './payouts/disputes.service.js';
import { Eligibility } from './payouts/eligibility.service.js';
import { HoldStore } from './payouts/hold.store.js';
import { Holds } from './payouts/holds.service.js';
import { MinimumStore } from './payouts/minimum.store.js';
import { PayoutRulesRpc } from './payouts/payout-rules.rpc.js';
import { PayoutTerms } from './payouts/terms.service.js';
import { Screening } from './screening/screening.service.js';
import { ForeignUse } from './transactions/foreign-use.service.js';
import { Relayer } from './transactions/relayer.service.js';
import { SenderLock } from './transactions/sender-lock.js';
import { GasRpc } from './transactions/gas.rpc.js';
import { TransactionStore } from './transactions/transaction.store.js';
import { WalletComparison } from './wallets/wallet-comparison.service.js';
import { WalletReader } from './wallets/wallet-reader.service.js';
import { WalletStore } from './wallets/wallet.store.js';
import { WalletTeller } from './wallets/wallet-teller.service.js';
import { WalletTransferStore } from './wallets/wallet-transfer.store.js';
import { x402Parts } from './x402/parts.js';
import { X402Rpc } from './x402/x402.rpc.js';

const keyKeepers = (config: SettlementConfig): KeyKeepers => ({ keystorePasswordFile: config.SETTLEMENT_KEYSTORE_PASSWORD_FILE, kmsEndpoint: config.SETTLEMENT_KMS_ENDPOINT });

@Module({
  controllers: [AdmissionRpc, BondsRpc, ChainStateRpc, DepositsRpc, GasRpc, HandingRpc, NodesConsumer, PayeesRpc, PayersRpc, PayoutRulesRpc, ReconciliationRpc, StatementsRpc, X402Rpc],
  providers: [
    {
      provide: ChainLink,
      inject: [SERVICE_CONFIG],
      useFactory: async (config: SettlementConfig) => new ChainLink(config, await openSigner(config.SETTLEMENT_RELAYER_KEY, keyKeepers(config))),
    },
    { provide: PayerKeys, inject: [SERVICE_CONFIG], useFactory: (config: SettlementConfig) => PayerKeys.open(config.SETTLEMENT_PAYER_KEYS, keyKeepers(config), config.SETTLEMENT_DELEGATE_KEYS) },
    AnchorStore,
    AnchorTimer,
    BondsService,
    ChainEventStore,
    ChainLoops,
    ChainPayers,
    ChainStateService,
    DepositsService,
    DepositStore,
    ChangeRecords,
    Delegates,
    DepositCover,
    Draws,
    DepositMoves,
    DepositReversals,
    Disputes,
    DisputeStore,
    Eligibility,
    EmptyStatements,
    EpochTimer,
    ExposureService,
    ExposureStore,
    PaidDebts,
    Finality,
    HandedStore,
    HandingService,
    LogRecords,
    MoneyMoves,
    Holds,
    HoldStore,
    MinimumStore,
    OperatorAnchors,
    PayeeProofStore,
    PayeeRegistration,
    PayeeStore,
    PayerGate,
    PayerSigners,
    PayersService,
    PayerStore,
    PayoutTerms,
    Rates,
    ReconciliationService,
    ReconciliationStore,
    ReconciliationTimer,
    Registration,
    ForeignUse,
    Relayer,
    Screening,
    SenderLock,
    SettledRecord,
    SettleService,
    StatementStore,
    TokenRules,
    TransactionStore,
    TakenBack,
    Voids,
    WalletComparison,
    WalletReader,
    WalletStore,
    WalletTeller,
    WalletTransferStore,
    Watcher,
    ...x402Parts,
  ],
})
export class SettlementModule {}
