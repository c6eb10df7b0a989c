import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { exchangeRate, invoiceCalls, invoiceCurrency, newExchangeRate, seller, uuid } from '#protocol';
import type { ExchangeRate, ReplyOf, Seller } from '#protocol';
import { Authorise, deployment, ownTenant, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const newBuyer = z.object({ seller: uuid, buyer: invoiceCalls.putBuyer.request.shape.buyer });

const ratesQuery = pageQuery.extend({ currency: invoiceCurrency.optional() });

/** Who sells, to whom invoices go, and what currencies are worth. */
@Controller('v1')
export class InvoicePartiesController {
  constructor(private readonly caller: Caller) {}

  @Put('sellers/:id')
  @Authorise('invoice.write', deployment)
  @Replies('Sets the details of a legal entity that sells', invoiceCalls.putSeller.reply)
  putSeller(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: seller }) body: Seller): Promise<ReplyOf<typeof invoiceCalls.putSeller>> {
    return this.caller.call(invoiceCalls.putSeller, { actor: actorOf(principal), id, seller: body });
  }

  @Get('sellers')
  @Authorise('invoice.write', deployment)
  @Replies('Legal entities that sell', invoiceCalls.listSellers.reply)
  sellers(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof invoiceCalls.listSellers>> {
    return this.caller.call(invoiceCalls.listSellers, page);
  }

  @Put('organisations/:tenant/buyer')
  @Authorise('invoice.write', pathTenant)
  @Replies('Sets whom the invoices of an organisation go to, and who sells to it', invoiceCalls.putBuyer.reply)
  putBuyer(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: newBuyer }) body: z.output<typeof newBuyer>,
  ): Promise<ReplyOf<typeof invoiceCalls.putBuyer>> {
    return this.caller.call(invoiceCalls.putBuyer, { actor: actorOf(principal), tenant, ...body });
  }

  @Get('organisations/:tenant/buyer')
  @Authorise('invoice.read', pathTenant)
  @Replies('Whom the invoices of an organisation go to', invoiceCalls.getBuyer.reply)
  buyer(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof invoiceCalls.getBuyer>> {
    return this.caller.call(invoiceCalls.getBuyer, { tenant });
  }

  @Get('exchange-rates')
  @Authorise('invoice.read', ownTenant)
  @Replies('Rates that were recorded, with who says so; by currency, the newest first in each; `after` is `<currency>:<validFromMs>`', invoiceCalls.listRates.reply)
  rates(@Query({ schema: ratesQuery }) page: z.output<typeof ratesQuery>): Promise<ReplyOf<typeof invoiceCalls.listRates>> {
    return this.caller.call(invoiceCalls.listRates, page);
  }

  @Post('exchange-rates')
  @Authorise('invoice.write', deployment)
  @Replies('Records what a dollar is worth in a currency from a moment on; a rate once given stays', exchangeRate, 201)
  putRate(@CurrentPrincipal() principal: Principal, @Body({ schema: newExchangeRate }) rate: ExchangeRate): Promise<ExchangeRate> {
    return this.caller.call(invoiceCalls.putRate, { actor: actorOf(principal), rate });
  }
}
