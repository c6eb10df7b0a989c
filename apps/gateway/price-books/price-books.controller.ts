import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { newPriceBook, priceBook, priceBookCalls, uuid } from '#protocol';
import type { NewPriceBook, PriceBook, ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const approval = priceBookCalls.approve.request.pick({ hash: true });

/** What organisations pay beside what machines ask: made by one person, approved by another. */
@Controller('v1/price-books')
export class PriceBooksController {
  constructor(private readonly caller: Caller) {}

  /** Error: IDEMPOTENCY_MISMATCH. */
  @Put(':id')
  @Authorise('price.write', deployment)
  @Replies('Proposes a price book; it says nothing until somebody else approves it', priceBook)
  propose(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: newPriceBook }) body: NewPriceBook): Promise<PriceBook> {
    return this.caller.call(priceBookCalls.propose, { ...body, id, actor: actorOf(principal) });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT. */
  @Post(':id/approval')
  @Authorise('price.write', deployment)
  @Replies('Approves a price book as its hash says it is; another key than the one that proposed it', priceBook, 201)
  approve(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: approval }) { hash }: z.output<typeof approval>): Promise<PriceBook> {
    return this.caller.call(priceBookCalls.approve, { id, hash, actor: actorOf(principal) });
  }

  @Get()
  @Authorise('price.read', deployment)
  @Replies('Price books, proposed and approved', priceBookCalls.list.reply)
  list(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof priceBookCalls.list>> {
    return this.caller.call(priceBookCalls.list, page);
  }
}
