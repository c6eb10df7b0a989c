import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { closeCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { ClosesService } from './closes.service.js';

@Controller()
export class ClosesRpc {
  constructor(@Inject(ClosesService) private readonly closes: ClosesService) {}

  @Serve(closeCalls.run)
  run(): Promise<ReplyOf<typeof closeCalls.run>> {
    return this.closes.run();
  }

  @Serve(closeCalls.list)
  list(page: RequestOf<typeof closeCalls.list>): Promise<ReplyOf<typeof closeCalls.list>> {
    return this.closes.list(page);
  }

  @Serve(closeCalls.get)
  get({ number }: RequestOf<typeof closeCalls.get>): Promise<ReplyOf<typeof closeCalls.get>> {
    return this.closes.get(number);
  }
}
