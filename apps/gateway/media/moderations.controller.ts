import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';
import { Inference } from '../openai/inference.js';
import { moderationReply, moderationRequest, parseModeration } from './moderation-request.js';

@Controller('v1/moderations')
export class ModerationsController {
  constructor(private readonly inference: Inference) {}

  @Post()
  @Authorise('inference.run', ownTenant)
  @Replies('Judges texts on the best permitted machine', moderationReply)
  create(@CurrentPrincipal() principal: Principal, @Body({ schema: moderationRequest }) body: z.output<typeof moderationRequest>, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.inference.answer(principal, parseModeration(body), request, reply);
  }
}
