import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Authorise, ownTenant, Sold } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';
import { embeddingsReply, embeddingsRequest, parseEmbeddings } from './embeddings-request.js';
import { Inference } from './inference.js';

@Controller('v1/embeddings')
export class EmbeddingsController {
  constructor(private readonly inference: Inference) {}

  @Post()
  @Authorise('inference.run', ownTenant)
  @Sold()
  @Replies('Embeds text on the best permitted machine', embeddingsReply)
  create(
    @CurrentPrincipal() principal: Principal,
    @Body({ schema: embeddingsRequest }) body: z.output<typeof embeddingsRequest>,
    @Req() request: AuthenticatedRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.inference.answer(principal, parseEmbeddings(body), request, reply);
  }
}
