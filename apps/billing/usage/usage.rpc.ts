import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { costCalls, failure } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { bucketEdges } from './bucket-edges.js';
import { CostLinesStore } from './cost-lines.store.js';
import { UsageStore } from './usage.store.js';

/** 2,000 sums of at most 450 bytes: below the bus's mebibyte. */
const sumsMax = 2_000;

@Controller()
export class UsageRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(UsageStore) private readonly usage: UsageStore,
    @Inject(CostLinesStore) private readonly costs: CostLinesStore,
  ) {}

  /** Error: REQUEST_INVALID. */
  @Serve(costCalls.listUsage)
  async list({ tenant, fromMs, toMs, width, limit, ...filter }: RequestOf<typeof costCalls.listUsage>): Promise<ReplyOf<typeof costCalls.listUsage>> {
    const { edgesMs, nextMs } = bucketEdges(fromMs, toMs, width, limit);
    const sums = await withTenant(this.dataSource, tenant, (manager) => this.usage.sums(manager, { ...filter, edgesMs, limit: sumsMax + 1 }));
    if (sums.length > sumsMax) throw failure('REQUEST_INVALID', `more than ${sumsMax} sums: ask for fewer buckets or groups`, { param: 'limit' });
    const buckets = edgesMs.slice(0, -1).map((startMs, index) => ({ fromMs: startMs, toMs: edgesMs[index + 1]!, sums: sums.filter(({ bucket }) => bucket === index).map(({ bucket: _bucket, ...sum }) => sum) }));
    return { buckets, nextMs };
  }

  @Serve(costCalls.listCostLines)
  lines({ tenant, ...period }: RequestOf<typeof costCalls.listCostLines>): Promise<ReplyOf<typeof costCalls.listCostLines>> {
    return withTenant(this.dataSource, tenant, (manager) => this.costs.page(manager, tenant, period));
  }
}
