import type { Readable } from 'node:stream';
import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { failure, limits } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { readForm } from '../http/multipart-form.js';
import { leaveUnread } from '../http/unread-body.js';
import { ReadsForm, Replies, RepliesBytes } from '../http/replies.js';
import { Inference } from '../openai/inference.js';
import { parseSpeech, speechRequest } from './speech-request.js';
import { parseTranscription, transcriptionForm, transcriptionReply } from './transcription-request.js';

@Controller('v1/audio')
export class AudioController {
  constructor(private readonly inference: Inference) {}

  @Post('speech')
  @Authorise('inference.run', ownTenant)
  @RepliesBytes('Speaks a text on the best permitted machine: the sound as it is')
  speak(@CurrentPrincipal() principal: Principal, @Body({ schema: speechRequest }) body: z.output<typeof speechRequest>, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.inference.answer(principal, parseSpeech(body), request, reply);
  }

  @Post('transcriptions')
  @Authorise('inference.run', ownTenant)
  @ReadsForm(transcriptionForm)
  @Replies('Writes down a recording on the best permitted machine; text, srt and vtt are answered as text', transcriptionReply)
  async transcribe(@CurrentPrincipal() principal: Principal, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.inference.answer(principal, await this.read(request, reply), request, reply);
  }

  /** Errors: REQUEST_INVALID, BODY_TOO_LARGE. */
  private async read(request: AuthenticatedRequest, reply: FastifyReply): Promise<ReturnType<typeof parseTranscription>> {
    try {
      if (!request.headers['content-type']?.startsWith('multipart/form-data')) throw failure('REQUEST_INVALID', 'send the recording as content-type: multipart/form-data', { status: 415, param: 'content-type' });
      const parts: Buffer[] = [];
      const form = await readForm(request.headers, request.body as Readable, limits.recordingBytesMax, async (content) => {
        for await (const part of content as AsyncIterable<Buffer>) parts.push(part);
      });
      return parseTranscription(form, Buffer.concat(parts));
    } catch (error) {
      leaveUnread(request, reply);
      throw error;
    }
  }
}
