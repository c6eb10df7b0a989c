import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { Caller } from '#messaging';
import { royaltyCalls, royaltyUse } from '#protocol';
import type { ReplyOf, RoyaltyUse } from '#protocol';
import { Authorise, askedTenant, bodyTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

/** What owners of data have of the requests that used it. */
@Controller('v1/royalties')
export class RoyaltiesController {
  constructor(private readonly caller: Caller) {}

  /** Errors: NOT_FOUND, CONFLICT, IDEMPOTENCY_MISMATCH. */
  @Post()
  @Authorise('royalty.write', bodyTenant)
  @Replies("Gives owners of data their shares of a request's charge, out of what its machine earned; once for each record", royaltyCalls.note.reply, 201)
  note(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Body({ schema: royaltyUse }) body: RoyaltyUse): Promise<ReplyOf<typeof royaltyCalls.note>> {
    return this.caller.call(royaltyCalls.note, { ...body, tenant, actor: actorOf(principal) });
  }

  @Get()
  @Authorise('payout.read', askedTenant)
  @Replies('Shares of owners of data, whole records in order; `limit` counts records, `after` is the last one', royaltyCalls.list.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof royaltyCalls.list>> {
    return this.caller.call(royaltyCalls.list, { ...page, tenant });
  }
}
