import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { schedulerCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { checkedPage } from '../page.js';
import { Offers } from './offers.service.js';

type Calls = typeof schedulerCalls;

@Controller()
export class OffersRpc {
  constructor(@Inject(Offers) private readonly offers: Offers) {}

  @Serve(schedulerCalls.listOffers)
  async list(request: RequestOf<Calls['listOffers']>): Promise<ReplyOf<Calls['listOffers']>> {
    return this.offers.list(checkedPage(request));
  }
}
