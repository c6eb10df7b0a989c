import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { TrialBalanceStore } from './trial-balance.store.js';

@Controller()
export class TrialBalanceRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(TrialBalanceStore) private readonly store: TrialBalanceStore,
  ) {}

  @Serve(billingCalls.trialBalanceAt)
  at({ beforeMs, currency }: RequestOf<typeof billingCalls.trialBalanceAt>): Promise<ReplyOf<typeof billingCalls.trialBalanceAt>> {
    return withTenant(this.dataSource, '*', async (manager) => ({ beforeMs, ...(await this.store.at(manager, beforeMs, currency)) }));
  }

  @Serve(billingCalls.trialBalance)
  trialBalance(): Promise<ReplyOf<typeof billingCalls.trialBalance>> {
    return withTenant(this.dataSource, '*', async (manager) => ({ currencies: await this.store.sums(manager), accounts: await this.store.byKind(manager) }));
  }
}
