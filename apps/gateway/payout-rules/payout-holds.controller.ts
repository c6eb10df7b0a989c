import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { payoutHold, payoutRuleCalls, uuid } from '#protocol';
import type { PayoutHold, ReplyOf } from '#protocol';
import { Authorise, askedTenant, bodyTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery, tenantQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

type Calls = typeof payoutRuleCalls;
const order = payoutRuleCalls.placeHold.request.pick({ payee: true, reason: true, untilMs: true }).extend(tenantQuery.shape);
const release = payoutRuleCalls.releaseHold.request.pick({ note: true }).extend(tenantQuery.shape);

/** Whom organisations do not pay for now: what is owed stays owed. The operator, who names no organisation, holds a payee back from every payer. */
@Controller('v1')
export class PayoutHoldsController {
  constructor(private readonly caller: Caller) {}

  @Post('payout-holds')
  @Authorise('payout.write', bodyTenant)
  @Replies('Holds a payee back until a time or until it is released', payoutHold, 201)
  place(@CurrentPrincipal() principal: Principal, @AllowedTenant() tenant: string | null, @Body({ schema: order }) { payee, reason, untilMs }: z.output<typeof order>): Promise<PayoutHold> {
    return this.caller.call(payoutRuleCalls.placeHold, { actor: actorOf(principal), tenant, payee, reason, untilMs });
  }

  @Get('payout-holds')
  @Authorise('payout.read', askedTenant)
  @Replies('Holds, newest first', payoutRuleCalls.listHolds.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<Calls['listHolds']>> {
    return this.caller.call(payoutRuleCalls.listHolds, { ...page, tenant });
  }

  /** Errors: NOT_FOUND; SANCTIONED (a screening placed it, and finds the payee still). */
  @Post('payout-holds/:id/release')
  @Authorise('payout.write', bodyTenant)
  @Replies('Ends a hold', payoutHold)
  release(@CurrentPrincipal() principal: Principal, @AllowedTenant() tenant: string | null, @Param('id', { schema: uuid }) id: string, @Body({ schema: release }) { note }: z.output<typeof release>): Promise<PayoutHold> {
    return this.caller.call(payoutRuleCalls.releaseHold, { actor: actorOf(principal), tenant, id, note });
  }

  @Get('payouts/held')
  @Authorise('payout.read', askedTenant)
  @Replies('What an organisation owes and would not draw now, and why', payoutRuleCalls.heldBack.reply)
  held(@OneTenant() tenant: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<Calls['heldBack']>> {
    return this.caller.call(payoutRuleCalls.heldBack, { tenant });
  }
}
