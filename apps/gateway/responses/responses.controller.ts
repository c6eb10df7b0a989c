import { Body, Controller, Delete, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { failure } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import type { AnswerGuard } from '../answers/answer-guard.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { Replies, Streams } from '../http/replies.js';
import { ImageInliner } from '../images/inline-images.js';
import { chatRequest, parseChat } from '../openai/chat-request.js';
import { clientGone } from '../openai/client-gone.js';
import { Inference } from '../openai/inference.js';
import { ResponseEvents } from './response-events.js';
import { responseRequest } from './response-request.js';
import type { ResponseRequest } from './response-request.js';
import { toChat } from './to-chat.js';
import { toResponse } from './to-response.js';

const responseReply = z.looseObject({ id: z.string(), object: z.literal('response'), status: z.string(), output: z.array(z.looseObject({ type: z.string() })), store: z.literal(false) });
const responseId = z.string().min(1).max(100);
const none = z.looseObject({});

/** The chat pipeline in OpenAI's newer form. No response is kept: what would need one does not find it. */
@Controller('v1/responses')
export class ResponsesController {
  constructor(
    private readonly inference: Inference,
    private readonly images: ImageInliner,
  ) {}

  @Post()
  @Authorise('inference.run', ownTenant)
  @Replies('Answers on the best permitted machine; the response is not kept', responseReply)
  @Streams()
  async create(@CurrentPrincipal() principal: Principal, @Body({ schema: responseRequest }) body: ResponseRequest, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    if (body.previous_response_id) throw notKept(body.previous_response_id, 'previous_response_id');
    if (body.conversation !== undefined && body.conversation !== null) throw failure('NOT_FOUND', 'there is no such conversation: conversations are not kept here', { param: 'conversation' });
    const chat = chatRequest.safeParse(toChat(body));
    if (!chat.success) throw failure('REQUEST_INVALID', chat.error.issues[0]!.message, { param: chat.error.issues[0]!.path.join('.') || null });
    const { form, ...parsed } = parseChat(await this.images.inline(chat.data, clientGone(reply)));
    const asResponse = { adapt: (answer: Buffer) => toResponse(request.id, body, answer), form: form && ((guard?: AnswerGuard) => new ResponseEvents(request.id, body, guard)) };
    return this.inference.answer(principal, { ...parsed, ...asResponse }, request, reply);
  }

  @Get(':response')
  @Authorise('inference.run', ownTenant)
  @Replies('A kept response: none is', none)
  get(@Param('response', { schema: responseId }) id: string): never {
    throw notKept(id);
  }

  @Delete(':response')
  @Authorise('inference.run', ownTenant)
  @Replies('Forgets a kept response: none is', none)
  delete(@Param('response', { schema: responseId }) id: string): never {
    throw notKept(id);
  }

  @Post(':response/cancel')
  @Authorise('inference.run', ownTenant)
  @Replies('Cancels a response in the background: none runs there', none)
  cancel(@Param('response', { schema: responseId }) id: string): never {
    throw notKept(id);
  }

  @Get(':response/input_items')
  @Authorise('inference.run', ownTenant)
  @Replies("A kept response's input: none is kept", none)
  inputItems(@Param('response', { schema: responseId }) id: string): never {
    throw notKept(id);
  }
}

const notKept = (id: string, param?: string): Error => failure('NOT_FOUND', `there is no response "${id.slice(0, 64)}": responses are not kept here`, param === undefined ? {} : { param });
