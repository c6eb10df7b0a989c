import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { Keys } from './keys.service.js';

type Calls = typeof governanceCalls;

@Controller()
export class KeysRpc {
  constructor(private readonly keys: Keys) {}

  @Serve(governanceCalls.createKey)
  create(request: RequestOf<Calls['createKey']>): Promise<ReplyOf<Calls['createKey']>> {
    return this.keys.create(request);
  }

  @Serve(governanceCalls.listKeys)
  list(request: RequestOf<Calls['listKeys']>): Promise<ReplyOf<Calls['listKeys']>> {
    return this.keys.list(request);
  }

  @Serve(governanceCalls.revokeKey)
  revoke(request: RequestOf<Calls['revokeKey']>): Promise<ReplyOf<Calls['revokeKey']>> {
    return this.keys.revoke(request);
  }
}
