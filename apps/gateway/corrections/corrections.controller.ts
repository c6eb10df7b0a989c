import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import { Caller } from '#messaging';
import { correction, correctionCalls, newCorrection, uuid } from '#protocol';
import type { Correction, NewCorrection, ReplyOf } from '#protocol';
import { Authorise, deployment, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

/** Usage that was recorded wrong or late: the seller's own acts, seen by the organisation. */
@Controller('v1/organisations/:tenant/corrections')
export class CorrectionsController {
  constructor(private readonly caller: Caller) {}

  /** Errors: NOT_FOUND, RECORD_PENDING, IDEMPOTENCY_MISMATCH, PRICE_UNKNOWN, CONFLICT. */
  @Put(':id')
  @Authorise('invoice.write', deployment)
  @Replies('Says what a request really used: what its charge differs by is a credit, or a further charge, in the next invoice', correction)
  correct(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: newCorrection }) body: NewCorrection): Promise<Correction> {
    return this.caller.call(correctionCalls.correct, { ...body, tenant, id, actor: actorOf(principal) });
  }

  @Get()
  @Authorise('invoice.read', pathTenant)
  @Replies('Corrections of usage of an organisation', correctionCalls.list.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof correctionCalls.list>> {
    return this.caller.call(correctionCalls.list, { ...page, tenant });
  }
}
