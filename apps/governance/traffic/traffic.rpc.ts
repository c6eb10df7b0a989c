import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { Aliases } from './aliases.service.js';
import { Limits } from './limits.service.js';

type Calls = typeof governanceCalls;

@Controller()
export class TrafficRpc {
  constructor(
    private readonly limits: Limits,
    private readonly aliases: Aliases,
  ) {}

  @Serve(governanceCalls.putLimits)
  putLimits(request: RequestOf<Calls['putLimits']>): Promise<ReplyOf<Calls['putLimits']>> {
    return this.limits.put(request);
  }

  @Serve(governanceCalls.listLimits)
  listLimits(request: RequestOf<Calls['listLimits']>): Promise<ReplyOf<Calls['listLimits']>> {
    return this.limits.list(request);
  }

  @Serve(governanceCalls.putAliases)
  putAliases(request: RequestOf<Calls['putAliases']>): Promise<ReplyOf<Calls['putAliases']>> {
    return this.aliases.put(request);
  }

  @Serve(governanceCalls.listAliases)
  listAliases(request: RequestOf<Calls['listAliases']>): Promise<ReplyOf<Calls['listAliases']>> {
    return this.aliases.list(request);
  }
}
