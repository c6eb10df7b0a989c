import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { failure } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import type { AuthenticatedRequest } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const request = z.looseObject({ model: z.string().min(1).max(200).optional() });
const nothing = z.looseObject({});

/** What OpenAI's clients may ask for and no engine of the market offers yet: the model is not found, as for any other that is absent. */
@Controller('v1')
export class AbsentEndpointsController {
  @Post('moderations')
  @Authorise('inference.run', ownTenant)
  @Replies('Moderation: no engine offers it yet', nothing)
  moderations(@Body({ schema: request }) body: z.output<typeof request>): never {
    throw absent(body.model ?? 'omni-moderation-latest', 'moderations');
  }

  @Post('images/generations')
  @Authorise('inference.run', ownTenant)
  @Replies('Images: no engine offers them yet', nothing)
  images(@Body({ schema: request }) body: z.output<typeof request>): never {
    throw absent(body.model ?? 'dall-e-2', 'images');
  }

  @Post('audio/speech')
  @Authorise('inference.run', ownTenant)
  @Replies('Speech: no engine offers it yet', nothing)
  speech(@Body({ schema: request }) body: z.output<typeof request>): never {
    throw absent(body.model ?? 'any', 'speech');
  }

  /** The recording is not read. */
  @Post('audio/transcriptions')
  @Authorise('inference.run', ownTenant)
  @Replies('Transcription: no engine offers it yet', nothing)
  transcriptions(@Req() sent: AuthenticatedRequest, @Res({ passthrough: true }) reply: FastifyReply): never {
    if (!sent.raw.readableEnded) void reply.header('connection', 'close');
    throw absent('any', 'transcriptions');
  }
}

const absent = (model: string, what: string): Error => failure('MODEL_NOT_FOUND', `no machine offers the model "${model}" for ${what}`, { param: 'model' });
