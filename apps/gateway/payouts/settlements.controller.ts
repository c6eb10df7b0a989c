import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { depositCalls, reconciliation, reconciliationCalls, settlementCalls, statement, uuid } from '#protocol';
import type { Reconciliation, ReplyOf } from '#protocol';
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

  /** Errors: NOTHING_DUE, CHAIN_UNAVAILABLE, DEPOSIT_INSUFFICIENT, DELEGATE_UNUSABLE (the chain does not let it sign), DELEGATE_LIMITED (too soon, or nobody whom it may pay). */
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
  @Replies('Chain, contracts, deposit and credits, at the newest block and at the newest final one, and who signs', settlementCalls.chainState.reply)
  chain(@AllowedTenant() tenant: string | null, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof settlementCalls.chainState>> {
    return this.caller.call(settlementCalls.chainState, { tenant });
  }

  /** Errors: REQUEST_INVALID ("after"), CHAIN_UNAVAILABLE. */
  @Get('settlement/deposits')
  @Authorise('payout.read', askedTenant)
  @Replies('Deposits and what of them was taken back, newest first, each with its block and whether that is final', depositCalls.list.reply)
  deposits(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof depositCalls.list>> {
    return this.caller.call(depositCalls.list, { ...page, tenant });
  }

  /** Error: NOT_FOUND (nothing was compared yet). */
  @Get('settlement/reconciliation')
  @Authorise('payout.read', askedTenant)
  @Replies('Every unit of the token at a final block: the chain against its events, the final statements and the books, with all that differs', reconciliation)
  reconciliation(@AllowedTenant() tenant: string | null, @Query({ schema: tenantQuery }) _query: unknown): Promise<Reconciliation> {
    return this.caller.call(reconciliationCalls.last, { tenant });
  }
}
