import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { contentKeyCalls, type ReplyOf, type RequestOf } from '#protocol';
import { ContentKeys } from './content-keys.service.js';

type Calls = typeof contentKeyCalls;

@Controller()
export class ContentKeysRpc {
  constructor(private readonly contentKeys: ContentKeys) {}

  @Serve(contentKeyCalls.open)
  open(request: RequestOf<Calls['open']>): Promise<ReplyOf<Calls['open']>> {
    return this.contentKeys.open(request);
  }

  @Serve(contentKeyCalls.destroy)
  destroy(request: RequestOf<Calls['destroy']>): Promise<ReplyOf<Calls['destroy']>> {
    return this.contentKeys.destroy(request);
  }
}
