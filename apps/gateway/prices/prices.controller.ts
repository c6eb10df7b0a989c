import { Controller, Get, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { billingCalls, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { pageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const pricesQuery = pageQuery.extend({ offer: uuid.optional() });

@Controller('v1')
export class PricesController {
  constructor(private readonly caller: Caller) {}

  @Get('prices')
  @Authorise('price.read', deployment)
  @Replies('Price versions', billingCalls.listPrices.reply)
  list(@Query({ schema: pricesQuery }) query: z.output<typeof pricesQuery>): Promise<ReplyOf<typeof billingCalls.listPrices>> {
    return this.caller.call(billingCalls.listPrices, query);
  }
}
