import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { custodyCalls, failure, uuid, type ReplyOf, type RequestOf } from '#protocol';
import { Custody } from './custody.service.js';

type Calls = typeof custodyCalls;

@Controller()
export class CustodyRpc {
  constructor(private readonly custody: Custody) {}

  @Serve(custodyCalls.list)
  async list(request: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    if (request.after !== undefined && !uuid.safeParse(request.after).success) throw failure('REQUEST_INVALID', '"after" is the id of a sealing key');
    return this.custody.list(request);
  }

  @Serve(custodyCalls.rotate)
  rotate(request: RequestOf<Calls['rotate']>): Promise<ReplyOf<Calls['rotate']>> {
    return this.custody.rotate(request);
  }

  @Serve(custodyCalls.rotateMaster)
  rotateMaster(request: RequestOf<Calls['rotateMaster']>): Promise<ReplyOf<Calls['rotateMaster']>> {
    return this.custody.rotateMaster(request);
  }

  @Serve(custodyCalls.putKms)
  putKms(request: RequestOf<Calls['putKms']>): Promise<ReplyOf<Calls['putKms']>> {
    return this.custody.putKms(request);
  }
}
