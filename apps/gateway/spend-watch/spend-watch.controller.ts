import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { newSpendAlert, spendAlert, spendWatchCalls, uuid } from '#protocol';
import type { NewSpendAlert, ReplyOf, SpendAlert } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { seconds } from '../costs/usage-query.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const unusualQuery = pageQuery.extend({ project: uuid.optional(), start_time: seconds.optional(), end_time: seconds.optional() });

/** What an organisation is told of its spend. Webhooks deliver it as `spend-alert.fired` and `spend.unusual`. */
@Controller('v1/organisations/:tenant')
export class SpendWatchController {
  constructor(private readonly caller: Caller) {}

  @Put('spend-alerts')
  @Authorise('budget.write', pathTenant)
  @Replies('Sets the thresholds of spend at which the organisation is told, of one subject and period', spendAlert)
  put(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: newSpendAlert }) alert: NewSpendAlert): Promise<SpendAlert> {
    return this.caller.call(spendWatchCalls.putAlert, { ...alert, actor: actorOf(principal), tenant });
  }

  @Get('spend-alerts')
  @Authorise('budget.read', pathTenant)
  @Replies('Alerts on spend, and how they stand in the period that runs', spendWatchCalls.listAlerts.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof spendWatchCalls.listAlerts>> {
    return this.caller.call(spendWatchCalls.listAlerts, { tenant });
  }

  @Delete('spend-alerts/:id')
  @Authorise('budget.write', pathTenant)
  @Replies('Removes an alert; what it has fired stays', spendAlert)
  remove(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string): Promise<SpendAlert> {
    return this.caller.call(spendWatchCalls.removeAlert, { actor: actorOf(principal), tenant, id });
  }

  @Get('fired-spend-alerts')
  @Authorise('budget.read', pathTenant)
  @Replies('Thresholds that spend has reached, oldest first', spendWatchCalls.listFired.reply)
  fired(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof spendWatchCalls.listFired>> {
    return this.caller.call(spendWatchCalls.listFired, { ...page, tenant });
  }

  @Get('unusual-spend')
  @Authorise('budget.read', pathTenant)
  @Replies('Hours and days whose spend was far from its own past, oldest first: of one project, or that begin in a period (seconds; the end exclusive), where asked', spendWatchCalls.listUnusual.reply)
  unusual(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: unusualQuery }) { start_time: from, end_time: to, ...page }: z.output<typeof unusualQuery>): Promise<ReplyOf<typeof spendWatchCalls.listUnusual>> {
    return this.caller.call(spendWatchCalls.listUnusual, { ...page, tenant, ...(from !== undefined && { fromMs: from * 1_000 }), ...(to !== undefined && { toMs: to * 1_000 }) });
  }
}
