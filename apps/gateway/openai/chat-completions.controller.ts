import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Authorise, ownTenant, Sold } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { ImageInliner } from '../images/inline-images.js';
import { Replies, Streams } from '../http/replies.js';
import { chatReply, chatRequest, parseChat } from './chat-request.js';
import { Inference } from './inference.js';

@Controller('v1/chat/completions')
export class ChatCompletionsController {
  constructor(
    private readonly inference: Inference,
    private readonly images: ImageInliner,
  ) {}

  @Post()
  @Authorise('inference.run', ownTenant)
  @Sold()
  @Replies('Answers a conversation on the best permitted machine', chatReply)
  @Streams()
  async create(
    @CurrentPrincipal() principal: Principal,
    @Body({ schema: chatRequest }) body: z.output<typeof chatRequest>,
    @Req() request: AuthenticatedRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    return this.inference.answer(principal, parseChat(this.images.inline(body)), request, reply);
  }
}
