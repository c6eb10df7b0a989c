import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { spendWatchCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { SpendAlerts } from './spend-alerts.service.js';
import { UnusualSpendStore } from './unusual-spend.store.js';

type Calls = typeof spendWatchCalls;

@Controller()
export class SpendWatchRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SpendAlerts) private readonly alerts: SpendAlerts,
    @Inject(UnusualSpendStore) private readonly unusual: UnusualSpendStore,
  ) {}

  @Serve(spendWatchCalls.putAlert)
  put(request: RequestOf<Calls['putAlert']>): Promise<ReplyOf<Calls['putAlert']>> {
    return this.alerts.put(request);
  }

  @Serve(spendWatchCalls.listAlerts)
  async list({ tenant }: RequestOf<Calls['listAlerts']>): Promise<ReplyOf<Calls['listAlerts']>> {
    return { data: await this.alerts.list(tenant) };
  }

  @Serve(spendWatchCalls.removeAlert)
  remove(request: RequestOf<Calls['removeAlert']>): Promise<ReplyOf<Calls['removeAlert']>> {
    return this.alerts.remove(request);
  }

  @Serve(spendWatchCalls.listFired)
  fired(page: RequestOf<Calls['listFired']>): Promise<ReplyOf<Calls['listFired']>> {
    return this.alerts.fired(page);
  }

  @Serve(spendWatchCalls.listUnusual)
  async listUnusual({ tenant, after, limit, ...filter }: RequestOf<Calls['listUnusual']>): Promise<ReplyOf<Calls['listUnusual']>> {
    const rows = await withTenant(this.dataSource, tenant, (manager) => this.unusual.list(manager, tenant, filter, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }
}
