import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { evmAddress, payoutDispute, payoutRuleCalls, Role, uuid } from '#protocol';
import type { PayoutDispute, ReplyOf } from '#protocol';
import { Authorise, Open, askedTenant, bodyTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery, tenantQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

type Calls = typeof payoutRuleCalls;
const order = payoutRuleCalls.openDispute.request.pick({ statement: true, payee: true, reason: true }).extend(tenantQuery.shape);
const payeeOrder = payoutRuleCalls.openPayeeDispute.request.omit({ payee: true });
const resolution = payoutRuleCalls.resolveDispute.request.pick({ resolution: true }).extend(tenantQuery.shape);

/** Lines of statements that their payer or payee does not agree with. */
@Controller('v1')
export class PayoutDisputesController {
  constructor(private readonly caller: Caller) {}

  /** Error: NOT_FOUND (the statement paid the payee nothing). */
  @Post('payout-disputes')
  @Authorise('payout.write', bodyTenant)
  @Replies('Disputes what a statement paid a payee, who is paid nothing more by this payer until it is resolved', payoutDispute, 201)
  open(@OneTenant() tenant: string, @CurrentPrincipal() principal: Principal, @Body({ schema: order }) { statement, payee, reason }: z.output<typeof order>): Promise<PayoutDispute> {
    return this.caller.call(payoutRuleCalls.openDispute, { actor: actorOf(principal), tenant, statement, payee, reason });
  }

  /** Errors: NOT_ALLOWED (the signature is not the payee's, or too old), NOT_FOUND. */
  @Post('payees/:payee/disputes')
  @Open()
  @Replies('The same by the payee, for whoever signs with its key', payoutDispute, 201)
  openByPayee(@Param('payee', { schema: evmAddress }) payee: string, @Body({ schema: payeeOrder }) body: z.output<typeof payeeOrder>): Promise<PayoutDispute> {
    return this.caller.call(payoutRuleCalls.openPayeeDispute, { ...body, payee });
  }

  @Get('payout-disputes')
  @Authorise('payout.read', askedTenant)
  @Replies('Disputes, newest first', payoutRuleCalls.listDisputes.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<Calls['listDisputes']>> {
    return this.caller.call(payoutRuleCalls.listDisputes, { ...page, tenant });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED (what a payee opened, the operator of the deployment resolves). */
  @Post('payout-disputes/:id/resolve')
  @Authorise('payout.write', bodyTenant)
  @Replies('Ends a dispute', payoutDispute)
  resolve(@AllowedTenant() tenant: string | null, @CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: resolution }) body: z.output<typeof resolution>): Promise<PayoutDispute> {
    return this.caller.call(payoutRuleCalls.resolveDispute, { actor: actorOf(principal), tenant, id, resolution: body.resolution, deployment: principal.role === Role.platformAdmin });
  }
}
