import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { payoutMinimum, payoutRuleCalls, scheduleSetting, uuid } from '#protocol';
import type { PayoutMinimum, ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

type Calls = typeof payoutRuleCalls;
const newMinimum = payoutMinimum.omit({ tenant: true });
const newSchedule = payoutRuleCalls.putSchedule.request.pick({ schedule: true });

/** How little and how often an organisation pays. */
@Controller('v1/organisations/:tenant')
export class PayoutTermsController {
  constructor(private readonly caller: Caller) {}

  @Put('payout-minimums')
  @Authorise('payout.write', pathTenant)
  @Replies('Sets what a payee, or every payee without one of its own, must be owed before it is paid; zero takes it away', payoutMinimum)
  putMinimum(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: newMinimum }) { payee, minimumNanos }: z.output<typeof newMinimum>): Promise<PayoutMinimum> {
    return this.caller.call(payoutRuleCalls.putMinimum, { actor: actorOf(principal), tenant, payee, minimumNanos });
  }

  @Get('payout-minimums')
  @Authorise('payout.read', pathTenant)
  @Replies('Minimum payouts: of the organisation, then by payee', payoutRuleCalls.listMinimums.reply)
  listMinimums(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<Calls['listMinimums']>> {
    return this.caller.call(payoutRuleCalls.listMinimums, { ...page, tenant });
  }

  @Put('payout-schedule')
  @Authorise('payout.write', pathTenant)
  @Replies('Sets when epochs run, in UTC; null: with those of the deployment', scheduleSetting)
  putSchedule(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: newSchedule }) { schedule }: z.output<typeof newSchedule>): Promise<ReplyOf<Calls['putSchedule']>> {
    return this.caller.call(payoutRuleCalls.putSchedule, { actor: actorOf(principal), tenant, schedule });
  }

  @Get('payout-schedule')
  @Authorise('payout.read', pathTenant)
  @Replies('When epochs run', scheduleSetting)
  schedule(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<Calls['getSchedule']>> {
    return this.caller.call(payoutRuleCalls.getSchedule, { tenant });
  }
}
