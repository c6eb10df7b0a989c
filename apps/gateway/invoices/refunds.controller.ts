import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { refund, refundCalls, uuid } from '#protocol';
import type { Refund, ReplyOf } from '#protocol';
import { Authorise, askedTenant, bodyTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const newRefund = refundCalls.request.request.omit({ actor: true });
const sentRefund = refundCalls.pay.request.omit({ actor: true, id: true });
const ofTenant = z.object({ tenant: uuid });

/** What stands to organisations' credit, and its way back to them. */
@Controller('v1')
export class RefundsController {
  constructor(private readonly caller: Caller) {}

  @Get('credit-balances')
  @Authorise('invoice.read', askedTenant)
  @Replies('What credit notes on paid invoices left: the next invoices take it, or it is paid back; `after` is `<organisation>:<currency>`', refundCalls.balances.reply)
  balances(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof refundCalls.balances>> {
    return this.caller.call(refundCalls.balances, { ...page, tenant });
  }

  @Get('refunds')
  @Authorise('invoice.read', askedTenant)
  @Replies('Refunds, by id', refundCalls.list.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof refundCalls.list>> {
    return this.caller.call(refundCalls.list, { ...page, tenant });
  }

  /** Errors: REQUEST_INVALID, IDEMPOTENCY_MISMATCH. */
  @Post('refunds')
  @Authorise('invoice.write', bodyTenant)
  @Replies('Sets money of a credit balance aside to be paid back', refund, 201)
  request(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Body({ schema: newRefund }) body: z.output<typeof newRefund>): Promise<Refund> {
    return this.caller.call(refundCalls.request, { ...body, actor: actorOf(principal), tenant });
  }

  /** Errors: NOT_FOUND, CONFLICT, IDEMPOTENCY_MISMATCH. */
  @Post('refunds/:id/payment')
  @Authorise('invoice.write', bodyTenant)
  @Replies('The bank has sent it', refund, 201)
  pay(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: sentRefund }) body: z.output<typeof sentRefund>): Promise<Refund> {
    return this.caller.call(refundCalls.pay, { ...body, actor: actorOf(principal), tenant, id });
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  @Post('refunds/:id/void')
  @Authorise('invoice.write', bodyTenant)
  @Replies('It is not sent: back into the credit balance', refund, 201)
  void(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: ofTenant }) _body: unknown): Promise<Refund> {
    return this.caller.call(refundCalls.void, { actor: actorOf(principal), tenant, id });
  }
}
