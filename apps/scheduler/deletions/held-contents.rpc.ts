import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { heldContentCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { HeldContents } from './held-contents.service.js';

type Calls = typeof heldContentCalls;

@Controller()
export class HeldContentsRpc {
  constructor(@Inject(HeldContents) private readonly contents: HeldContents) {}

  @Serve(heldContentCalls.list)
  list(request: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return this.contents.list(request);
  }

  @Serve(heldContentCalls.read)
  read(request: RequestOf<Calls['read']>): Promise<ReplyOf<Calls['read']>> {
    return this.contents.read(request);
  }
}
