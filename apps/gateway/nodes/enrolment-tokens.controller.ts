import { Body, Controller, Post } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { label, machineFacts, schedulerCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const hourMs = 3_600_000;
const newToken = z.object({
  name: label,
  /** What a signed contract says of the machine; left out, its facts are only what it declares. */
  facts: machineFacts.nullish(),
  validMs: schedulerCalls.createEnrolmentToken.request.shape.validMs.default(hourMs),
});

@Controller('v1/enrolment-tokens')
export class EnrolmentTokensController {
  constructor(private readonly caller: Caller) {}

  @Post()
  @Authorise('node.write', deployment)
  @Replies('Makes a token with which one machine may enrol, shown this once', schedulerCalls.createEnrolmentToken.reply, 201)
  create(@CurrentPrincipal() principal: Principal, @Body({ schema: newToken }) body: z.output<typeof newToken>): Promise<ReplyOf<typeof schedulerCalls.createEnrolmentToken>> {
    return this.caller.call(schedulerCalls.createEnrolmentToken, { actor: actorOf(principal), name: body.name, facts: body.facts ?? null, validMs: body.validMs });
  }
}
