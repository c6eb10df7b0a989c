import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { settlementCalls, statement, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, askedTenant, bodyTenant } from '../access/authorise.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery, tenantQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

/** Whose epoch: left out = the caller's own organisation. */
const epochOrder = tenantQuery.default({});

@Controller('v1')
export class SettlementsController {
  constructor(private readonly caller: Caller) {}

  /** Errors: NOTHING_DUE, CHAIN_UNAVAILABLE, DEPOSIT_INSUFFICIENT. */
  @Post('settlements')
  @Authorise('settlement.run', bodyTenant)
  @Replies("Runs an epoch now: an organisation's payables become one statement on chain", statement, 201)
  run(@OneTenant() tenant: string, @Body({ schema: epochOrder }) _body: unknown): Promise<z.output<typeof statement>> {
    return this.caller.call(settlementCalls.runEpoch, { tenant });
  }

  @Get('settlements')
  @Authorise('payout.read', askedTenant)
  @Replies('Epoch statements', settlementCalls.listStatements.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof settlementCalls.listStatements>> {
    return this.caller.call(settlementCalls.listStatements, { ...page, tenant });
  }

  @Get('settlements/:id')
  @Authorise('payout.read', askedTenant)
  @Replies('One epoch statement', statement)
  get(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<z.output<typeof statement>> {
    return this.caller.call(settlementCalls.getStatement, { tenant, id });
  }

  /** Errors: NOT_FOUND (none, or not signed yet). */
  @Get('settlements/:id/statement')
  @Authorise('payout.read', askedTenant)
  @Replies('The signed statement as a file: it can be put on chain and withdrawn from with only an RPC endpoint', settlementCalls.statementFile.reply)
  file(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof settlementCalls.statementFile>> {
    return this.caller.call(settlementCalls.statementFile, { tenant, id });
  }

  @Get('settlement/chain')
  @Authorise('payout.read', askedTenant)
  @Replies('Chain, contracts, deposit and credits as the service sees them', settlementCalls.chainState.reply)
  chain(@AllowedTenant() tenant: string | null, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof settlementCalls.chainState>> {
    return this.caller.call(settlementCalls.chainState, { tenant });
  }
}
