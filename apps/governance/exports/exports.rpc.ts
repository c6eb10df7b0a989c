import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { exportCalls, type ReplyOf, type RequestOf } from '#protocol';
import { Exports } from './exports.service.js';

type Calls = typeof exportCalls;

@Controller()
export class ExportsRpc {
  constructor(private readonly exports: Exports) {}

  @Serve(exportCalls.begin)
  begin(request: RequestOf<Calls['begin']>): Promise<ReplyOf<Calls['begin']>> {
    return this.exports.begin(request);
  }

  @Serve(exportCalls.page)
  page(request: RequestOf<Calls['page']>): Promise<ReplyOf<Calls['page']>> {
    return this.exports.page(request);
  }
}
