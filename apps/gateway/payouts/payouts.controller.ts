import { Controller, Get, Query } from '@nestjs/common';
import { Caller } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { tenantPageQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

@Controller('v1')
export class PayoutsController {
  constructor(private readonly caller: Caller) {}

  @Get('payables')
  @Authorise('payout.read', askedTenant)
  @Replies('What is owed to each payee; `after` is `<organisation>:<payee>`', billingCalls.listPayables.reply)
  payables(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof billingCalls.listPayables>> {
    return this.caller.call(billingCalls.listPayables, { ...page, tenant });
  }

  @Get('payouts')
  @Authorise('payout.read', askedTenant)
  @Replies('What was drawn into statements and credited on chain', billingCalls.listPayouts.reply)
  payouts(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof billingCalls.listPayouts>> {
    return this.caller.call(billingCalls.listPayouts, { ...page, tenant });
  }
}
