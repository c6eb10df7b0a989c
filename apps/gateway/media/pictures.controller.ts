import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';
import { Inference } from '../openai/inference.js';
import { parsePicture, pictureReply, pictureRequest } from './picture-request.js';

@Controller('v1/images')
export class PicturesController {
  constructor(private readonly inference: Inference) {}

  @Post('generations')
  @Authorise('inference.run', ownTenant)
  @Replies('Makes pictures on the best permitted machine', pictureReply)
  generate(@CurrentPrincipal() principal: Principal, @Body({ schema: pictureRequest }) body: z.output<typeof pictureRequest>, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.inference.answer(principal, parsePicture(body), request, reply);
  }
}
