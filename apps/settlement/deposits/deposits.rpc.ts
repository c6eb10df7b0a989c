import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { depositCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { DepositsService } from './deposits.service.js';

@Controller()
export class DepositsRpc {
  constructor(private readonly deposits: DepositsService) {}

  @Serve(depositCalls.list)
  list(page: RequestOf<typeof depositCalls.list>): Promise<ReplyOf<typeof depositCalls.list>> {
    return this.deposits.page(page);
  }
}
