import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { reconciliationCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { tokenCurrency } from '../billing-config.js';
import type { BillingConfig } from '../billing-config.js';
import { TrialBalanceStore } from './trial-balance.store.js';
import { WalletMovesStore } from './wallet-moves.store.js';

/** The books' side of the comparison that settlement makes with the chain: cached balances only, so that it may be asked often. */
@Controller()
export class TokenBalancesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(TrialBalanceStore) private readonly store: TrialBalanceStore,
    @Inject(WalletMovesStore) private readonly wallets: WalletMovesStore,
  ) {}

  @Serve(reconciliationCalls.ledgerTokens)
  async tokens({ wallets }: RequestOf<typeof reconciliationCalls.ledgerTokens>): Promise<ReplyOf<typeof reconciliationCalls.ledgerTokens>> {
    const { currency, nanosPerUnit } = tokenCurrency(this.config);
    return withTenant(this.dataSource, '*', async (manager) => {
      const kinds = await this.store.byKind(manager, currency);
      const of = (kind: string): bigint => kinds.find(({ code }) => code === kind)?.balance ?? 0n;
      return { currency, nanosPerUnit, escrowUnits: of('escrow'), depositUnits: -of('deposit'), creditUnits: -of('credited'), wallets: await this.wallets.sums(manager, currency, wallets) };
    });
  }
}
