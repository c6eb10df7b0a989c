import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { newPriceChange, priceChange, priceChangeCalls, uuid } from '#protocol';
import type { NewPriceChange, PriceChange, ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const approval = priceChangeCalls.approve.request.pick({ hash: true });
const changesQuery = pageQuery.extend({ offer: uuid.optional() });

/** Other prices than machines ask: made by one person, approved by another. */
@Controller('v1/price-changes')
export class PriceChangesController {
  constructor(private readonly caller: Caller) {}

  /** Errors: NOT_FOUND, NODE_REVOKED, AMOUNT_INVALID, IDEMPOTENCY_MISMATCH. */
  @Put(':id')
  @Authorise('price.write', deployment)
  @Replies('Proposes another price of an offer; it says nothing until somebody else approves it', priceChange)
  propose(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: newPriceChange }) body: NewPriceChange): Promise<PriceChange> {
    return this.caller.call(priceChangeCalls.propose, { ...body, id, actor: actorOf(principal) });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT, NODE_REVOKED. */
  @Post(':id/approval')
  @Authorise('price.write', deployment)
  @Replies('Approves a price as its hash says it is; another key than the one that proposed it. A new version begins then, or on its day', priceChange, 201)
  approve(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: approval }) { hash }: z.output<typeof approval>): Promise<PriceChange> {
    return this.caller.call(priceChangeCalls.approve, { id, hash, actor: actorOf(principal) });
  }

  @Get()
  @Authorise('price.read', deployment)
  @Replies('Price changes, proposed and approved', priceChangeCalls.list.reply)
  list(@Query({ schema: changesQuery }) query: z.output<typeof changesQuery>): Promise<ReplyOf<typeof priceChangeCalls.list>> {
    return this.caller.call(priceChangeCalls.list, query);
  }
}
