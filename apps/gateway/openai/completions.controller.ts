import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Authorise, ownTenant, Sold } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { Replies, Streams } from '../http/replies.js';
import { completionsReply, completionsRequest, parseCompletions } from './completions-request.js';
import { Inference } from './inference.js';

@Controller('v1/completions')
export class CompletionsController {
  constructor(private readonly inference: Inference) {}

  @Post()
  @Authorise('inference.run', ownTenant)
  @Sold()
  @Replies('Continues a text on the best permitted machine', completionsReply)
  @Streams()
  create(
    @CurrentPrincipal() principal: Principal,
    @Body({ schema: completionsRequest }) body: z.output<typeof completionsRequest>,
    @Req() request: AuthenticatedRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.inference.answer(principal, parseCompletions(body), request, reply);
  }
}
