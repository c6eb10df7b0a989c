import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { erasureCalls, failure, uuid, type Erasure, type ReplyOf, type RequestOf } from '#protocol';
import { Erasures } from './erasures.service.js';

type Calls = typeof erasureCalls;

@Controller()
export class PersonsRpc {
  constructor(private readonly erasures: Erasures) {}

  @Serve(erasureCalls.personKey)
  key(request: RequestOf<Calls['personKey']>): Promise<ReplyOf<Calls['personKey']>> {
    return this.erasures.keyOf(request);
  }

  @Serve(erasureCalls.erase)
  erase(request: RequestOf<Calls['erase']>): Promise<Erasure> {
    return this.erasures.erase(request);
  }

  @Serve(erasureCalls.list)
  async list(request: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    if (request.after !== undefined && !uuid.safeParse(request.after).success) throw failure('REQUEST_INVALID', '"after" is the id of an erasure');
    return this.erasures.list(request);
  }

  @Serve(erasureCalls.get)
  get(request: RequestOf<Calls['get']>): Promise<Erasure> {
    return this.erasures.get(request);
  }
}
