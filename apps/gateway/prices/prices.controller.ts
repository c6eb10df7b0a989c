import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { billingCalls, priceVersion, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const newPrice = billingCalls.putPrice.request.pick({ inputNanosPerMillion: true, outputNanosPerMillion: true, meters: true });
const pricesQuery = pageQuery.extend({ offer: uuid.optional() });

@Controller('v1')
export class PricesController {
  constructor(private readonly caller: Caller) {}

  @Put('offers/:offer/price')
  @Authorise('price.write', deployment)
  @Replies("Begins a new version of an offer's price", priceVersion)
  put(
    @CurrentPrincipal() principal: Principal,
    @Param('offer', { schema: uuid }) offer: string,
    @Body({ schema: newPrice }) body: z.output<typeof newPrice>,
  ): Promise<z.output<typeof priceVersion>> {
    return this.caller.call(billingCalls.putPrice, { actor: actorOf(principal), offer, ...body });
  }

  @Get('prices')
  @Authorise('price.read', deployment)
  @Replies('Price versions', billingCalls.listPrices.reply)
  list(@Query({ schema: pricesQuery }) query: z.output<typeof pricesQuery>): Promise<ReplyOf<typeof billingCalls.listPrices>> {
    return this.caller.call(billingCalls.listPrices, query);
  }
}
