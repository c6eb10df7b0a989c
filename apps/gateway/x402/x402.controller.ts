import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { Caller } from '#messaging';
import { facilitatorRequest, settleResponse, supportedKinds, verifyResponse, x402Calls } from '#protocol';
import type { FacilitatorRequest, ReplyOf, SettleResponse, VerifyResponse } from '#protocol';
import { askedTenant, Authorise, Open, ownTenant } from '../access/authorise.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

/** The deployment's x402 facilitator, for servers that sell something themselves, and what it was paid. */
@Controller('v1/x402')
export class X402Controller {
  constructor(private readonly caller: Caller) {}

  @Get('supported')
  @Open()
  @Replies('Which payments are taken here', supportedKinds)
  supported(): Promise<ReplyOf<typeof x402Calls.supported>> {
    return this.caller.call(x402Calls.supported, {});
  }

  @Post('verify')
  @Authorise('x402.facilitate', ownTenant)
  @Replies('Whether a payment would pay now', verifyResponse)
  verify(@Body({ schema: facilitatorRequest }) body: FacilitatorRequest): Promise<VerifyResponse> {
    return this.caller.call(x402Calls.verify, body);
  }

  @Post('settle')
  @Authorise('x402.facilitate', ownTenant)
  @Replies('Takes a payment; asked again it answers the same', settleResponse)
  settle(@OneTenant() tenant: string, @Body({ schema: facilitatorRequest }) body: FacilitatorRequest): Promise<SettleResponse> {
    return this.caller.call(x402Calls.settle, { ...body, tenant });
  }

  @Get('payments')
  @Authorise('payout.read', askedTenant)
  @Replies('Payments by x402, the newest first', x402Calls.payments.reply)
  payments(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) { after, limit }: TenantPageQuery): Promise<ReplyOf<typeof x402Calls.payments>> {
    return this.caller.call(x402Calls.payments, { tenant, after, limit });
  }
}
