import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { schedulerCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { checkedPage } from '../page.js';
import { Nodes } from './nodes.service.js';

type Calls = typeof schedulerCalls;

@Controller()
export class NodesRpc {
  constructor(@Inject(Nodes) private readonly nodes: Nodes) {}

  @Serve(schedulerCalls.listNodes)
  async list(request: RequestOf<Calls['listNodes']>): Promise<ReplyOf<Calls['listNodes']>> {
    return this.nodes.list(checkedPage(request));
  }

  @Serve(schedulerCalls.revokeNode)
  revoke(request: RequestOf<Calls['revokeNode']>): Promise<ReplyOf<Calls['revokeNode']>> {
    return this.nodes.revoke(request);
  }
}
