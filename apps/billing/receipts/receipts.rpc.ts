import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { ReceiptsService } from './receipts.service.js';

@Controller()
export class ReceiptsRpc {
  constructor(@Inject(ReceiptsService) private readonly receipts: ReceiptsService) {}

  @Serve(billingCalls.listClaims)
  claims(page: RequestOf<typeof billingCalls.listClaims>): Promise<ReplyOf<typeof billingCalls.listClaims>> {
    return this.receipts.claims(page);
  }
}
