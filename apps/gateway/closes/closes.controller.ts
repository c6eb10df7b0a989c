import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { close, closeCalls } from '#protocol';
import type { Close, ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const closeNumber = z.coerce.number<string>().int().positive().max(2 ** 31 - 1);

/** Closes of the books: the deployment's own, over all organisations. */
@Controller('v1/closes')
export class ClosesController {
  constructor(private readonly caller: Caller) {}

  /** Errors: CONFLICT (a close is running), SERVICE_UNAVAILABLE (the books have not caught up). */
  @Post()
  @Authorise('close.run', deployment)
  @Replies('Closes the books now: compares them with the log, the receipts and the chain', close, 201)
  run(@CurrentPrincipal() principal: Principal): Promise<Close> {
    return this.caller.call(closeCalls.run, { actor: actorOf(principal) });
  }

  @Get()
  @Authorise('close.read', deployment)
  @Replies('Closes of the books, newest first', closeCalls.list.reply)
  list(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof closeCalls.list>> {
    return this.caller.call(closeCalls.list, page);
  }

  @Get(':number')
  @Authorise('close.read', deployment)
  @Replies('One close, with every difference that it found', closeCalls.get.reply)
  get(@Param('number', { schema: closeNumber }) number: number): Promise<ReplyOf<typeof closeCalls.get>> {
    return this.caller.call(closeCalls.get, { number });
  }
}
