import { Controller, Get, Query } from '@nestjs/common';
import { Caller } from '#messaging';
import { schedulerCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

@Controller('v1/offers')
export class OffersController {
  constructor(private readonly caller: Caller) {}

  @Get()
  @Authorise('offer.read', deployment)
  @Replies('Offers: one model on one machine', schedulerCalls.listOffers.reply)
  list(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof schedulerCalls.listOffers>> {
    return this.caller.call(schedulerCalls.listOffers, page);
  }
}
