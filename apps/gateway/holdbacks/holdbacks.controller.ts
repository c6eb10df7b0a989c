import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { holdback, holdbackCalls, holdbackRule, newHoldbackRule, uuid } from '#protocol';
import type { Holdback, HoldbackRule, NewHoldbackRule, ReplyOf } from '#protocol';
import { Authorise, askedTenant, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { tenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const holdbacksQuery = tenantPageQuery.extend({ state: holdbackCalls.list.request.shape.state.default('held') });
const decision = holdbackCalls.decide.request.pick({ passed: true, note: true });

/** What machines earned and are not paid yet, since their work is still to be verified. */
@Controller('v1')
export class HoldbacksController {
  constructor(private readonly caller: Caller) {}

  @Put('holdback-rules')
  @Authorise('holdback.write', deployment)
  @Replies("Sets the share of a machine's, a network's or everybody's earnings that is kept back, and for how long", holdbackRule)
  putRule(@CurrentPrincipal() principal: Principal, @Body({ schema: newHoldbackRule }) rule: NewHoldbackRule): Promise<HoldbackRule> {
    return this.caller.call(holdbackCalls.putRule, { ...rule, actor: actorOf(principal) });
  }

  @Get('holdback-rules')
  @Authorise('holdback.read', deployment)
  @Replies('What is kept back of whose earnings', holdbackCalls.listRules.reply)
  rules(): Promise<ReplyOf<typeof holdbackCalls.listRules>> {
    return this.caller.call(holdbackCalls.listRules, {});
  }

  @Get('holdbacks')
  @Authorise('payout.read', askedTenant)
  @Replies('Earnings that are kept back, or were; `after` is a record', holdbackCalls.list.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: holdbacksQuery }) { after, limit, state }: z.output<typeof holdbacksQuery>): Promise<ReplyOf<typeof holdbackCalls.list>> {
    return this.caller.call(holdbackCalls.list, { tenant, after, limit, state });
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  @Post('holdbacks/:record/decision')
  @Authorise('holdback.write', deployment)
  @Replies('Releases what is kept back to the payee, or credits it to the organisation, once', holdback, 201)
  decide(@CurrentPrincipal() principal: Principal, @Param('record', { schema: uuid }) record: string, @Body({ schema: decision }) body: z.output<typeof decision>): Promise<Holdback> {
    return this.caller.call(holdbackCalls.decide, { ...body, actor: actorOf(principal), record });
  }
}
