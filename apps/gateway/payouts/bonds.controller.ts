import { Controller, Get, Param, Query } from '@nestjs/common';
import { Caller } from '#messaging';
import { bond, bondCalls, evmAddress } from '#protocol';
import type { BondView } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { tenantQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

@Controller('v1/bonds')
export class BondsController {
  constructor(private readonly caller: Caller) {}

  /** Errors: NOT_FOUND (the deployment has no contract for bonds), CHAIN_UNAVAILABLE. */
  @Get(':provider')
  @Authorise('payout.read', askedTenant)
  @Replies('What a provider has bonded, under which arbiter, at a final block', bond)
  get(@Param('provider', { schema: evmAddress }) provider: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<BondView> {
    return this.caller.call(bondCalls.getBond, { provider });
  }
}
