import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { settlementCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { PayersService } from './payers.service.js';

@Controller()
export class PayersRpc {
  constructor(private readonly payers: PayersService) {}

  @Serve(settlementCalls.putPayer)
  put({ actor, tenant, address, jurisdiction }: RequestOf<typeof settlementCalls.putPayer>): Promise<ReplyOf<typeof settlementCalls.putPayer>> {
    return this.payers.put(actor, tenant, address, jurisdiction);
  }
}
