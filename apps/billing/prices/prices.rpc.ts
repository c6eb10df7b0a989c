import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { PricesService } from './prices.service.js';

@Controller()
export class PricesRpc {
  constructor(@Inject(PricesService) private readonly prices: PricesService) {}

  @Serve(billingCalls.listPrices)
  list(page: RequestOf<typeof billingCalls.listPrices>): Promise<ReplyOf<typeof billingCalls.listPrices>> {
    return this.prices.list(page);
  }
}
