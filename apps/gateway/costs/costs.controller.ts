import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Controller, Get, Inject, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { costCalls, failure } from '#protocol';
import type { CostLine, ReplyOf } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import type { GatewayConfig } from '../config.js';
import { Authorise, askedTenant } from '../access/authorise.js';
import { OneTenant } from '../access/resource-tenant.js';
import { Replies, RepliesCsv } from '../http/replies.js';
import { Replicated } from '../replicated.js';
import { focusHeader, focusRows } from './focus.js';
import { costPage, toCostPage, toUsagePage, usagePage } from './organisation-pages.js';
import { askedUsage, periodQuery, usageQuery } from './usage-query.js';
import type { UsageQuery } from './usage-query.js';

/** A year and a day: what one export may hold. */
const exportMsMax = 367 * 86_400_000;

/** What was used and what it cost, in the shape of OpenAI's organisation API and as a FOCUS file. */
@Controller('v1')
export class CostsController {
  constructor(
    private readonly caller: Caller,
    private readonly clock: Clock,
    private readonly replicated: Replicated,
    @Inject(SERVICE_CONFIG) private readonly config: GatewayConfig,
  ) {}

  /** Buckets are hours, days or months of UTC, from the one that holds `start_time` on. */
  @Get('usage')
  @Authorise('budget.read', askedTenant)
  @Replies('Requests and tokens by time, project, key, model and cost tag', usagePage)
  async usage(@OneTenant() tenant: string, @Query({ schema: usageQuery }) query: UsageQuery): Promise<z.output<typeof usagePage>> {
    return toUsagePage(await this.ask(tenant, query));
  }

  @Get('costs')
  @Authorise('budget.read', askedTenant)
  @Replies('What requests cost by time, project, key, model (line item) and cost tag', costPage)
  async costs(@OneTenant() tenant: string, @Query({ schema: usageQuery }) query: UsageQuery): Promise<z.output<typeof costPage>> {
    return toCostPage(await this.ask(tenant, query));
  }

  /** Whole days of UTC that hold a part of the period. The file is cut off, not ended, where the books fail in its middle. */
  @Get('costs/export')
  @Authorise('budget.read', askedTenant)
  @RepliesCsv('Costs by day as a FOCUS 1.2 file')
  async export(@OneTenant() tenant: string, @Query({ schema: periodQuery }) query: z.output<typeof periodQuery>, @Res() reply: FastifyReply): Promise<void> {
    const period = { tenant, fromMs: query.start_time * 1_000, toMs: query.end_time === undefined ? this.clock.nowMs() : query.end_time * 1_000 };
    assertPeriod(period);
    if (period.toMs - period.fromMs > exportMsMax) throw failure('REQUEST_INVALID', 'one export holds at most a year', { param: 'end_time' });
    // The first page is there, or its failure told, before anything is sent.
    const first = await this.caller.call(costCalls.listCostLines, period);
    const file = new PassThrough();
    void this.write(file, period, first).catch((error: unknown) => file.destroy(error instanceof Error ? error : new Error(String(error))));
    await reply.header('content-disposition', 'attachment; filename="focus.csv"').type('text/csv; charset=utf-8').send(file);
  }

  private async write(file: PassThrough, period: { tenant: string; fromMs: number; toMs: number }, first: ReplyOf<typeof costCalls.listCostLines>): Promise<void> {
    file.write(focusHeader);
    for (let page = first; ; page = await this.caller.call(costCalls.listCostLines, { ...period, after: page.next })) {
      if (!file.write(this.rows(period.tenant, page.lines))) await once(file, 'drain');
      if (page.next === null) break;
    }
    file.end();
  }

  /** Regions are known of machines that are on the market now. */
  private rows(tenant: string, lines: readonly CostLine[]): string {
    return focusRows({ tenant, provider: this.config.PROVIDER_NAME }, lines, (offer) => this.replicated.offers.get(offer));
  }

  private ask(tenant: string, query: UsageQuery): Promise<ReplyOf<typeof costCalls.listUsage>> {
    const asked = askedUsage(tenant, query, this.clock.nowMs());
    assertPeriod(asked);
    return this.caller.call(costCalls.listUsage, asked);
  }
}

function assertPeriod({ fromMs, toMs }: { fromMs: number; toMs: number }): void {
  if (toMs <= fromMs) throw failure('REQUEST_INVALID', 'the period ends before it begins', { param: 'end_time' });
}
