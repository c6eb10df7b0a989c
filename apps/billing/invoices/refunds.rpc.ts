import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { refundCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { CreditBalancesStore } from './credit-balances.store.js';
import { Refunds } from './refunds.service.js';
import { RefundsStore } from './refunds.store.js';

type Calls = typeof refundCalls;

@Controller()
export class RefundsRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(CreditBalancesStore) private readonly creditBalances: CreditBalancesStore,
    @Inject(RefundsStore) private readonly store: RefundsStore,
    @Inject(Refunds) private readonly refunds: Refunds,
  ) {}

  @Serve(refundCalls.balances)
  async balances(page: RequestOf<Calls['balances']>): Promise<ReplyOf<Calls['balances']>> {
    const rows = await withTenant(this.dataSource, page.tenant ?? '*', (manager) => this.creditBalances.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  @Serve(refundCalls.list)
  async list(page: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    const rows = await withTenant(this.dataSource, page.tenant ?? '*', (manager) => this.store.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  @Serve(refundCalls.request)
  request(request: RequestOf<Calls['request']>): Promise<ReplyOf<Calls['request']>> {
    return this.refunds.request(request);
  }

  @Serve(refundCalls.pay)
  pay(request: RequestOf<Calls['pay']>): Promise<ReplyOf<Calls['pay']>> {
    return this.refunds.pay(request);
  }

  @Serve(refundCalls.void)
  void(request: RequestOf<Calls['void']>): Promise<ReplyOf<Calls['void']>> {
    return this.refunds.void(request);
  }
}
