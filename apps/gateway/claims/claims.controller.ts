import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { claimCalls, claimState, uuid } from '#protocol';
import type { ClaimState, ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const claimsQuery = pageQuery.extend({ state: claimCalls.list.request.shape.state.default('open') });
const newResolution = claimCalls.resolve.request.pick({ resolution: true, note: true });

/** Receipts that nodes signed and no charge supports: the deployment's own, over all organisations. */
@Controller('v1/claims')
export class ClaimsController {
  constructor(private readonly caller: Caller) {}

  @Get()
  @Authorise('close.read', deployment)
  @Replies('Receipts that no charge supports, with the reason and how they were resolved; `after` is `record:node`', claimCalls.list.reply)
  list(@Query({ schema: claimsQuery }) page: z.output<typeof claimsQuery>): Promise<ReplyOf<typeof claimCalls.list>> {
    return this.caller.call(claimCalls.list, page);
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  @Post(':record/:node/resolution')
  @Authorise('claim.resolve', deployment)
  @Replies('Ends a claim, once; the receipt stays, and the decision is an entry of the log', claimState, 201)
  resolve(
    @CurrentPrincipal() principal: Principal,
    @Param('record', { schema: uuid }) record: string,
    @Param('node', { schema: uuid }) node: string,
    @Body({ schema: newResolution }) body: z.output<typeof newResolution>,
  ): Promise<ClaimState> {
    return this.caller.call(claimCalls.resolve, { ...body, actor: actorOf(principal), record, node });
  }
}
