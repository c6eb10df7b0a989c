import { Module } from '@nestjs/common';
import { JournalAccountsStore } from '../journal/journal-accounts.store.js';
import { JournalRpc } from '../journal/journal.rpc.js';
import { Journal } from '../journal/journal.service.js';
import { ReservationsStore } from '../journal/reservations.store.js';
import { AccountStatementsRpc } from './account-statements.rpc.js';
import { AccountStatementsStore } from './account-statements.store.js';
import { LedgerStore } from './ledger.store.js';
import { TokenBalancesRpc } from './token-balances.rpc.js';
import { TrialBalanceRpc } from './trial-balance.rpc.js';
import { TrialBalanceStore } from './trial-balance.store.js';
import { WalletMovesStore } from './wallet-moves.store.js';

@Module({ controllers: [AccountStatementsRpc, JournalRpc, TokenBalancesRpc, TrialBalanceRpc], providers: [AccountStatementsStore, Journal, JournalAccountsStore, LedgerStore, ReservationsStore, TrialBalanceStore, WalletMovesStore], exports: [LedgerStore, TrialBalanceStore, WalletMovesStore] })
export class LedgerModule {}
