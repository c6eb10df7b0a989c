import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { priceChangeCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { PriceChanges } from './price-changes.service.js';

type Calls = typeof priceChangeCalls;

@Controller()
export class PriceChangesRpc {
  constructor(@Inject(PriceChanges) private readonly changes: PriceChanges) {}

  @Serve(priceChangeCalls.propose)
  propose(request: RequestOf<Calls['propose']>): Promise<ReplyOf<Calls['propose']>> {
    return this.changes.propose(request);
  }

  @Serve(priceChangeCalls.approve)
  approve(request: RequestOf<Calls['approve']>): Promise<ReplyOf<Calls['approve']>> {
    return this.changes.approve(request);
  }

  @Serve(priceChangeCalls.list)
  list(page: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return this.changes.list(page);
  }
}
