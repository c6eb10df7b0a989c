import type { DomainError } from '#kernel';
import { isDone } from '#protocol';
import type { Usage } from '#protocol';
import type { AnswerGuard } from '../answers/answer-guard.js';
import { knownAnswer } from '../answers/known-members.js';
import { parsedChunk } from '../openai/streamed-chunks.js';
import { ToolDeltas } from '../openai/tool-deltas.js';
import { Produced } from '../request/produced.js';
import type { StreamForm } from '../request/streamed-job.js';
import { OutputItems } from './output-items.js';
import type { ResponseEvent } from './output-items.js';
import { chatUsage, incompleteReason, responseObject } from './response-object.js';
import type { ChatUsage, ResponseFailure, ResponseParts, Storing } from './response-object.js';
import type { ResponseRequest } from './response-request.js';

interface Delta {
  readonly content?: unknown;
  readonly refusal?: unknown;
  readonly tool_calls?: unknown;
}

/**
 * Chunks of a chat as the events of a streamed response: numbered from 0, each item and part begun before its pieces and ended after
 * them, a last event that holds the whole response. What is ended waits for the end of all: engines may go on with any of it until then.
 */
export class ResponseEvents implements StreamForm {
  readonly produced = new Produced();
  private readonly items: OutputItems;
  private readonly tools = new ToolDeltas();
  private head: { readonly createdAt: number; readonly model: string } | undefined;
  private usage: ChatUsage | undefined;
  private finish: string | undefined;
  private sequence: number;
  private readonly heldBack: ResponseEvent[] = [];
  private hasSaidRest = false;
  private whole = false;

  constructor(
    private readonly id: string,
    private readonly request: ResponseRequest,
    private readonly storing: Storing,
    private readonly guard?: AnswerGuard,
    /** Set for one in the background, whose log begins before it runs: the number of the first event here, and when it was made, in Unix seconds. */
    private readonly log?: { readonly first: number; readonly createdAt: number },
  ) {
    this.items = new OutputItems(id);
    this.sequence = log?.first ?? 0;
  }

  /** How it ends, once everything is said. */
  get status(): 'completed' | 'incomplete' {
    return this.ending().status;
  }

  get isWhole(): boolean {
    return this.whole;
  }

  get isStopped(): boolean {
    return this.guard?.isStopped ?? false;
  }

  /** The number of the next event: events that were taken and not given to anyone have none. */
  goOnAt(sequence: number): void {
    this.sequence = sequence;
  }

  take(data: Buffer): Buffer | undefined {
    if (this.whole) return undefined;
    if (isDone(data)) {
      this.whole = true;
      return undefined;
    }
    const told = parsedChunk(data);
    const chunk = this.guard?.hides === true ? knownAnswer(told) : told;
    const events = [...this.begin(chunk)];
    for (const choice of Array.isArray(chunk['choices']) ? (chunk['choices'] as unknown[]) : []) {
      this.produced.take(choice);
      if (typeof choice === 'object' && choice !== null) this.guard?.passPiece(choice);
      events.push(...this.read(choice));
    }
    if (this.isStopped) [this.whole, this.finish] = [true, 'content_filter'];
    this.usage = chatUsage.safeParse(chunk['usage']).data ?? this.usage;
    return events.length === 0 ? undefined : this.written(events);
  }

  end(used: Usage): Buffer {
    this.sayRest();
    const { status } = this.ending();
    const ended = [...this.heldBack, ...this.items.close(status)];
    return this.last([...ended, { type: `response.${status}`, response: this.final(used) }]);
  }

  /** The whole response, once everything is said. */
  final({ inputTokens, outputTokens }: Usage): Record<string, unknown> {
    this.sayRest();
    const { status, reason } = this.ending();
    const usage = this.usage ?? { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
    return this.response({ status, incompleteReason: reason, output: this.items.output(status), usage });
  }

  /** Clients know one code for whatever went wrong on this side. */
  error({ message }: DomainError): Buffer {
    const response = { ...this.response({ status: 'failed', error: { code: 'server_error', message }, output: this.items.output('incomplete'), usage: null }), store: false };
    return this.last([{ type: 'response.failed', response }]);
  }

  /** The last bytes of one in the background that is not whole. Clients know no event of their own for what was cancelled: the response says it. */
  stopped(status: 'failed' | 'cancelled', error: ResponseFailure | null): Buffer {
    const output = this.items.isEmpty ? [] : this.items.output('incomplete');
    return this.last([endEvent(status, this.response({ status, ...(error && { error }), output, usage: null }))]);
  }

  private *begin({ created, model }: Record<string, unknown>): Generator<ResponseEvent> {
    if (this.head !== undefined) return;
    this.head = { createdAt: this.log?.createdAt ?? (typeof created === 'number' ? created : Math.floor(Date.now() / 1_000)), model: typeof model === 'string' ? model : this.request.model };
    const response = this.response({ status: 'in_progress', output: [], usage: null });
    if (this.log === undefined) yield { type: 'response.created', response };
    yield { type: 'response.in_progress', response };
  }

  /** A response has one choice: of others nothing is given. */
  private *read(choice: unknown): Generator<ResponseEvent> {
    this.tools.repair(choice);
    const { index, delta, finish_reason: finish } = (choice ?? {}) as { index?: unknown; delta?: Delta | null; finish_reason?: unknown };
    if (index !== 0 && index !== undefined) return;
    if (typeof finish === 'string') this.finish = finish;
    if (isText(delta?.content)) yield* this.items.say('output_text', delta.content);
    if (isText(delta?.refusal)) yield* this.items.say('refusal', delta.refusal);
    for (const call of Array.isArray(delta?.tool_calls) ? (delta.tool_calls as unknown[]) : []) {
      const { index: n, id, function: called } = (call ?? {}) as { index?: unknown; id?: unknown; function?: { name?: unknown; arguments?: unknown } };
      if (typeof n !== 'number') continue;
      yield* this.items.call(n, isText(id) && isText(called?.name) ? { callId: id, name: called.name } : undefined, isText(called?.arguments) ? called.arguments : '');
    }
  }

  /** What was held back until it was sure to be given, once. */
  private sayRest(): void {
    if (this.isStopped || this.hasSaidRest) return;
    this.hasSaidRest = true;
    for (const choice of this.guard?.rest('delta') ?? []) this.heldBack.push(...this.read(choice));
  }

  private ending(): { status: 'completed' | 'incomplete'; reason: string | undefined } {
    const reason = incompleteReason(this.finish);
    return { status: reason === undefined ? 'completed' : 'incomplete', reason };
  }

  private response(parts: Omit<ResponseParts, 'id' | 'createdAt' | 'model'>): Record<string, unknown> {
    const { createdAt = this.log?.createdAt ?? 0, model = this.request.model } = this.head ?? {};
    return responseObject(this.request, this.storing, { id: this.id, createdAt, model, ...parts });
  }

  private written(events: readonly ResponseEvent[]): Buffer {
    const bytes = eventBytes(events, this.sequence);
    this.sequence += events.length;
    return bytes;
  }

  /** Of several ways to end, one is told: they have the same numbers. */
  private last(events: readonly ResponseEvent[]): Buffer {
    return eventBytes(events, this.sequence);
  }
}

/** Server-sent events, numbered from `first`. */
export const eventBytes = (events: readonly ResponseEvent[], first: number): Buffer => Buffer.from(events.map((event, n) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: first + n })}\n\n`).join(''));

/** The event that ends a response in that status. */
export const endEvent = (status: Exclude<ResponseParts['status'], 'queued' | 'in_progress'>, response: unknown): ResponseEvent => ({ type: status === 'cancelled' ? 'response.incomplete' : `response.${status}`, response });

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
