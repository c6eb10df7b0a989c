import { Module } from '@nestjs/common';
import { LedgerStore } from './ledger.store.js';
import { TrialBalanceRpc } from './trial-balance.rpc.js';
import { TrialBalanceStore } from './trial-balance.store.js';

@Module({ controllers: [TrialBalanceRpc], providers: [LedgerStore, TrialBalanceStore], exports: [LedgerStore, TrialBalanceStore] })
export class LedgerModule {}
