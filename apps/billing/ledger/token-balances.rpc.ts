import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { reconciliationCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { tokenCurrency } from '../billing-config.js';
import type { BillingConfig } from '../billing-config.js';
import { TrialBalanceStore } from './trial-balance.store.js';

/** The books' side of the comparison that settlement makes with the chain: cached balances only, so that it may be asked often. */
@Controller()
export class TokenBalancesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(TrialBalanceStore) private readonly store: TrialBalanceStore,
  ) {}

  @Serve(reconciliationCalls.ledgerTokens)
  async tokens(): Promise<ReplyOf<typeof reconciliationCalls.ledgerTokens>> {
    const { currency, nanosPerUnit } = tokenCurrency(this.config);
    const kinds = await withTenant(this.dataSource, '*', (manager) => this.store.byKind(manager, currency));
    const of = (kind: string): bigint => kinds.find(({ code }) => code === kind)?.balance ?? 0n;
    return { currency, nanosPerUnit, escrowUnits: of('escrow'), depositUnits: -of('deposit'), creditUnits: -of('credited') };
  }
}
