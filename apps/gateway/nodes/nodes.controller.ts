import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { enrolmentReply, enrolmentRequest, node, schedulerCalls, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, Open, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

@Controller('v1/nodes')
export class NodesController {
  constructor(private readonly caller: Caller) {}

  /** For the node itself: the enrolment token is its authority. Error: ENROLMENT_INVALID. */
  @Post('enrol')
  @Open()
  @Replies('Exchanges an enrolment token and public keys for a connection of its own', enrolmentReply, 201)
  enrol(@Body({ schema: enrolmentRequest }) body: z.output<typeof enrolmentRequest>): Promise<z.output<typeof enrolmentReply>> {
    return this.caller.call(schedulerCalls.enrol, body);
  }

  @Get()
  @Authorise('node.read', deployment)
  @Replies('Machines', schedulerCalls.listNodes.reply)
  list(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof schedulerCalls.listNodes>> {
    return this.caller.call(schedulerCalls.listNodes, page);
  }

  @Delete(':id')
  @Authorise('node.write', deployment)
  @Replies('Revokes a machine: its connection and its offers end at once', node)
  revoke(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string): Promise<z.output<typeof node>> {
    return this.caller.call(schedulerCalls.revokeNode, { actor: actorOf(principal), node: id });
  }
}
