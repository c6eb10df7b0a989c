import { Body, Controller, Delete, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { failure } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import type { AnswerGuard } from '../answers/answer-guard.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { ProjectScope } from '../access/project-scope.js';
import { internalId } from '../files/external-ids.js';
import { listOf, toList } from '../files/file-object.js';
import { Replies, Streams } from '../http/replies.js';
import { ImageInliner } from '../images/inline-images.js';
import { chatRequest, parseChat } from '../openai/chat-request.js';
import { Inference } from '../openai/inference.js';
import { BackgroundResponses } from './background-responses.js';
import type { InputItem } from './input-items.js';
import { PlannedResponses } from './planned-responses.js';
import { ResponseEvents } from './response-events.js';
import { assertNoConversation, responseRequest } from './response-request.js';
import type { ResponseRequest } from './response-request.js';
import { StoredResponses } from './stored-responses.js';
import { toChat } from './to-chat.js';
import { toResponse } from './to-response.js';

const responseReply = z.looseObject({ id: z.string(), object: z.literal('response'), status: z.string(), output: z.array(z.looseObject({ type: z.string() })), store: z.boolean() });
const responseId = z.string().min(1).max(100);
const deleted = z.object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) });
const inputItem = z.looseObject({ id: z.string(), type: z.string() });
const getQuery = z.object({ stream: z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(false), starting_after: z.coerce.number<string>().int().min(-1).max(2_147_483_647).default(-1) });
const listQuery = z.object({ after: z.string().max(100).optional(), limit: z.coerce.number<string>().int().min(1).max(100).default(20), order: z.enum(['asc', 'desc']).default('desc') });

/** The chat pipeline in OpenAI's newer form. A response is stored where its project's retention allows. */
@Controller('v1/responses')
export class ResponsesController {
  constructor(
    private readonly inference: Inference,
    private readonly images: ImageInliner,
    private readonly planned: PlannedResponses,
    private readonly stored: StoredResponses,
    private readonly scope: ProjectScope,
    private readonly background: BackgroundResponses,
  ) {}

  @Post()
  @Authorise('inference.run', ownTenant)
  @Replies('Answers on the best permitted machine; `store` says whether the response is stored', responseReply)
  @Streams()
  async create(@CurrentPrincipal() principal: Principal, @Body({ schema: responseRequest }) body: ResponseRequest, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    assertNoConversation(body);
    if (body.background === true) return this.createInBackground(principal, body, request, reply);
    const { whole, keeper, classAtLeast } = await this.planned.plan(principal, request, body);
    const chat = chatRequest.safeParse(toChat(whole));
    if (!chat.success) throw failure('REQUEST_INVALID', chat.error.issues[0]!.message, { param: chat.error.issues[0]!.path.join('.') || null });
    const { form, ...parsed } = parseChat(this.images.inline(chat.data));
    const events = (guard?: AnswerGuard): ResponseEvents => (keeper.events = new ResponseEvents(request.id, body, keeper, guard));
    const asResponse = { adapt: (answer: Buffer) => toResponse(request.id, body, keeper, answer), form: form && events };
    const kept = keeper.isStored ? { keep: keeper.keep.bind(keeper), told: keeper.told.bind(keeper) } : {};
    return this.inference.answer(principal, { ...parsed, ...asResponse, ...kept, ...(classAtLeast && { classAtLeast }) }, request, reply);
  }

  /** A stream of it is its log's, and goes on without its client. */
  private async createInBackground(principal: Principal, body: ResponseRequest, request: AuthenticatedRequest, reply: FastifyReply): Promise<void> {
    const { response, isReplayed } = await this.background.create(principal, request, body);
    const id = response['id'] as string;
    if (isReplayed) reply.header('idempotency-replayed', 'true');
    if (body.stream === true) return this.background.tell(this.scope.paying(principal, request), id, -1, reply);
    await reply.code(200).header('x-mizan-record', internalId('resp_', id)).type('application/json').send(response);
  }

  @Get(':response')
  @Authorise('inference.run', ownTenant)
  @Replies('A stored response; with `stream` the events of one in the background, after number `starting_after`', responseReply)
  @Streams()
  async get(@CurrentPrincipal() principal: Principal, @Param('response', { schema: responseId }) id: string, @Query({ schema: getQuery }) query: z.output<typeof getQuery>, @Req() request: AuthenticatedRequest, @Res() reply: FastifyReply): Promise<void> {
    const scope = this.scope.seen(principal, request);
    if (query.stream) return this.background.tell(scope, id, query.starting_after, reply);
    await reply.code(200).type('application/json').send((await this.stored.get(scope, id)).response);
  }

  @Delete(':response')
  @Authorise('inference.run', ownTenant)
  @Replies('Forgets a stored response; those that went on from it have what they were made from', deleted)
  async delete(@CurrentPrincipal() principal: Principal, @Param('response', { schema: responseId }) id: string, @Req() request: AuthenticatedRequest): Promise<z.output<typeof deleted>> {
    await this.stored.delete(this.scope.seen(principal, request), id);
    return { id, object: 'response', deleted: true };
  }

  @Post(':response/cancel')
  @Authorise('inference.run', ownTenant)
  @Replies('Cancels a response in the background: what was produced is paid; one that has ended stays as it is', responseReply)
  cancel(@CurrentPrincipal() principal: Principal, @Param('response', { schema: responseId }) id: string, @Req() request: AuthenticatedRequest): Promise<unknown> {
    return this.background.cancel(this.scope.seen(principal, request), id);
  }

  @Get(':response/input_items')
  @Authorise('inference.run', ownTenant)
  @Replies('What a stored response was made from, earlier responses included', listOf(inputItem))
  async inputItems(@CurrentPrincipal() principal: Principal, @Param('response', { schema: responseId }) id: string, @Query({ schema: listQuery }) query: z.output<typeof listQuery>, @Req() request: AuthenticatedRequest): Promise<unknown> {
    const { input } = await this.stored.get(this.scope.seen(principal, request), id);
    const ordered = query.order === 'asc' ? input : input.toReversed();
    const rest = ordered.slice(startOf(ordered, query.after));
    return toList<InputItem>(rest.slice(0, query.limit), rest.length > query.limit);
  }
}

function startOf(items: readonly InputItem[], after: string | undefined): number {
  if (after === undefined) return 0;
  const at = items.findIndex(({ id }) => id === after);
  if (at < 0) throw failure('REQUEST_INVALID', '"after" is the id of the last item of the page before', { param: 'after' });
  return at + 1;
}
