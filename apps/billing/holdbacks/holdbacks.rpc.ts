import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { holdbackCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { Holdbacks } from './holdbacks.service.js';
import { HoldbacksStore } from './holdbacks.store.js';

type Calls = typeof holdbackCalls;

@Controller()
export class HoldbacksRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Holdbacks) private readonly holdbacks: Holdbacks,
    @Inject(HoldbacksStore) private readonly store: HoldbacksStore,
  ) {}

  @Serve(holdbackCalls.putRule)
  putRule(request: RequestOf<Calls['putRule']>): Promise<ReplyOf<Calls['putRule']>> {
    return this.holdbacks.putRule(request);
  }

  @Serve(holdbackCalls.listRules)
  async listRules(): Promise<ReplyOf<Calls['listRules']>> {
    return { data: await withTenant(this.dataSource, '*', (manager) => this.store.rules(manager)) };
  }

  @Serve(holdbackCalls.list)
  async list(page: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    const rows = await withTenant(this.dataSource, page.tenant ?? '*', (manager) => this.store.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  @Serve(holdbackCalls.decide)
  decide(request: RequestOf<Calls['decide']>): Promise<ReplyOf<Calls['decide']>> {
    return this.holdbacks.decide(request);
  }
}
