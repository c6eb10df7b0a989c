import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { costCalls, failure } from '#protocol';
import type { ReplyOf, RequestOf, UsageBucket } from '#protocol';
import { withTenant } from '#service';
import { bucketEdges } from './bucket-edges.js';
import { CostLinesStore } from './cost-lines.store.js';
import { pageBytesMax, wireBytes } from './page-bytes.js';
import { UsageStore } from './usage.store.js';

/** 1,600 sums of 640 bytes, up to 190 of them of meters, with models and tags of usual length. */
const sumsMax = 1_600;

@Controller()
export class UsageRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(UsageStore) private readonly usage: UsageStore,
    @Inject(CostLinesStore) private readonly costs: CostLinesStore,
  ) {}

  /** Buckets that do not fit in an answer begin the next page. Error: REQUEST_INVALID. */
  @Serve(costCalls.listUsage)
  async list({ tenant, fromMs, toMs, width, limit, ...filter }: RequestOf<typeof costCalls.listUsage>): Promise<ReplyOf<typeof costCalls.listUsage>> {
    const { edgesMs, nextMs } = bucketEdges(fromMs, toMs, width, limit);
    const sums = await withTenant(this.dataSource, tenant, (manager) => this.usage.sums(manager, { ...filter, edgesMs, limit: sumsMax + 1 }));
    if (sums.length > sumsMax) throw failure('REQUEST_INVALID', `more than ${sumsMax} sums: ask for fewer buckets or groups`, { param: 'limit' });
    const buckets: UsageBucket[] = edgesMs.slice(0, -1).map((startMs, index) => ({ fromMs: startMs, toMs: edgesMs[index + 1]!, sums: sums.filter(({ bucket }) => bucket === index).map(({ bucket: _bucket, ...sum }) => sum) }));
    let bytes = 0;
    const over = buckets.findIndex((bucket) => (bytes += wireBytes(bucket)) > pageBytesMax);
    if (over === 0) throw failure('REQUEST_INVALID', 'the models and tags of one bucket are longer than an answer: ask for shorter buckets, fewer groups or some models or tags', { param: 'bucket_width' });
    return over < 0 ? { buckets, nextMs } : { buckets: buckets.slice(0, over), nextMs: buckets[over]!.fromMs };
  }

  @Serve(costCalls.listCostLines)
  lines({ tenant, ...period }: RequestOf<typeof costCalls.listCostLines>): Promise<ReplyOf<typeof costCalls.listCostLines>> {
    return withTenant(this.dataSource, tenant, (manager) => this.costs.page(manager, tenant, period));
  }
}
