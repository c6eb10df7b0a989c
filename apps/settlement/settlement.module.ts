import { Module } from '@nestjs/common';
import { openSigner } from '#chain';
import type { KeyKeepers } from '#chain';
import { SERVICE_CONFIG } from '#service';
import { AnchorStore } from './anchors/anchor.store.js';
import { AnchorTimer } from './anchors/anchor-timer.service.js';
import { OperatorAnchors } from './anchors/operator-anchors.service.js';
import { BondsRpc } from './bonds/bonds.rpc.js';
import { BondsService } from './bonds/bonds.service.js';
import { ChainEventStore } from './chain-events/chain-event.store.js';
import { SettledRecord } from './chain-events/settled-record.js';
import { Watcher } from './chain-events/watcher.service.js';
import { ChainLink } from './chain/chain-link.js';
import { ChainLoops } from './chain/chain-loops.service.js';
import { ChainPayers } from './chain/chain-payers.service.js';
import { ChainStateRpc } from './chain/chain-state.rpc.js';
import { ChainStateService } from './chain/chain-state.service.js';
import type { SettlementConfig } from './config.js';
import { Rates } from './conversions/rates.service.js';
import { EpochTimer } from './epochs/epoch-timer.service.js';
import { SettleService } from './epochs/settle.service.js';
import { StatementStore } from './epochs/statement.store.js';
import { StatementsRpc } from './epochs/statements.rpc.js';
import { ExposureService } from './exposure/exposure.service.js';
import { ExposureStore } from './exposure/exposure.store.js';
import { NodesConsumer } from './exposure/nodes.consumer.js';
import { HandedStore } from './handing/handed.store.js';
import { HandingRpc } from './handing/handing.rpc.js';
import { HandingService } from './handing/handing.service.js';
import { PayeeStore } from './payees/payee.store.js';
import { Registration } from './payees/registration.service.js';
import { PayerKeys } from './payers/payer-keys.js';
import { PayerStore } from './payers/payer.store.js';
import { PayersRpc } from './payers/payers.rpc.js';
import { PayersService } from './payers/payers.service.js';
import { Relayer } from './transactions/relayer.service.js';
import { SenderLock } from './transactions/sender-lock.js';
import { GasRpc } from './transactions/gas.rpc.js';
import { TransactionStore } from './transactions/transaction.store.js';
import { x402Parts } from './x402/parts.js';
import { X402Rpc } from './x402/x402.rpc.js';

const keyKeepers = (config: SettlementConfig): KeyKeepers => ({ keystorePasswordFile: config.SETTLEMENT_KEYSTORE_PASSWORD_FILE, kmsEndpoint: config.SETTLEMENT_KMS_ENDPOINT });

@Module({
  controllers: [BondsRpc, ChainStateRpc, GasRpc, HandingRpc, NodesConsumer, PayersRpc, StatementsRpc, X402Rpc],
  providers: [
    {
      provide: ChainLink,
      inject: [SERVICE_CONFIG],
      useFactory: async (config: SettlementConfig) => new ChainLink(config, await openSigner(config.SETTLEMENT_RELAYER_KEY, keyKeepers(config))),
    },
    { provide: PayerKeys, inject: [SERVICE_CONFIG], useFactory: (config: SettlementConfig) => PayerKeys.open(config.SETTLEMENT_PAYER_KEYS, keyKeepers(config)) },
    AnchorStore,
    AnchorTimer,
    BondsService,
    ChainEventStore,
    ChainLoops,
    ChainPayers,
    ChainStateService,
    EpochTimer,
    ExposureService,
    ExposureStore,
    HandedStore,
    HandingService,
    OperatorAnchors,
    PayeeStore,
    PayersService,
    PayerStore,
    Rates,
    Registration,
    Relayer,
    SenderLock,
    SettledRecord,
    SettleService,
    StatementStore,
    TransactionStore,
    Watcher,
    ...x402Parts,
  ],
})
export class SettlementModule {}
