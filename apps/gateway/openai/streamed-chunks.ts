import type { DomainError } from '#kernel';
import { failure, isDone } from '#protocol';
import type { Endpoint, Usage } from '#protocol';
import type { AnswerGuard } from '../answers/answer-guard.js';
import type { Choice } from '../answers/choice.js';
import { knownAnswer } from '../answers/known-members.js';
import { errorAnswer } from '../http/openai-error.js';
import { Produced } from '../request/produced.js';
import type { StreamForm } from '../request/streamed-job.js';
import { ToolDeltas } from './tool-deltas.js';

type Chunk = Record<string, unknown>;

const lineFeed = 0x0a;
const done = Buffer.from('data: [DONE]\n\n');

/**
 * Chunks of a chat or a completion as OpenAI's clients read them: one id throughout, usage only where it was asked for, tool calls numbered
 * from 0. A chunk that is right passes byte for byte.
 */
export class StreamedChunks implements StreamForm {
  readonly produced = new Produced();
  private head: { readonly id: unknown; readonly created: unknown; readonly object: unknown; readonly model: unknown } | undefined;
  private readonly tools = new ToolDeltas();
  private usage: unknown;
  private whole = false;

  constructor(
    private readonly endpoint: Endpoint,
    private readonly isUsageWanted: boolean,
    private readonly guard?: AnswerGuard,
  ) {}

  get isStopped(): boolean {
    return this.guard?.isStopped ?? false;
  }

  get isWhole(): boolean {
    return this.whole;
  }

  take(data: Buffer): Buffer | undefined {
    if (this.whole) return undefined;
    if (isDone(data)) {
      this.whole = true;
      return undefined;
    }
    const told = parsedChunk(data);
    const chunk = this.guard?.hides === true ? knownAnswer(told) : told;
    const choices = Array.isArray(chunk['choices']) ? (chunk['choices'] as unknown[]) : [];
    for (const choice of choices) this.produced.take(choice);
    const changes = [this.keepHead(chunk), this.keepUsage(chunk), ...choices.map((choice) => this.tools.repair(choice)), data.includes(lineFeed)];
    if (choices.length === 0 && this.usage !== undefined) return undefined;
    if (this.guard !== undefined) return this.guarded(this.guard, chunk, choices as Choice[]);
    return event(changes.includes(true) ? Buffer.from(JSON.stringify(chunk)) : data);
  }

  /** The usage is the engine's own words where it has said any, cached tokens and all; else the estimate that is charged. */
  end({ inputTokens, outputTokens }: Usage): Buffer {
    const held = this.heldBack();
    if (!this.isUsageWanted) return held.length === 0 ? done : Buffer.concat([held, done]);
    const usage = this.usage ?? { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
    return Buffer.concat([held, event(Buffer.from(JSON.stringify({ ...this.head, choices: [], usage }))), done]);
  }

  /** What the rules leave of a chunk, if anything; where they stop the answer, its last one. */
  private guarded(guard: AnswerGuard, chunk: Chunk, choices: readonly Choice[]): Buffer | undefined {
    for (const choice of choices) guard.passPiece(choice);
    if (guard.isStopped) {
      this.whole = true;
      for (const index of guard.unfinished()) {
        const own = choices.find((choice) => choice.index === index);
        if (own) own.finish_reason = 'content_filter';
        else (chunk['choices'] as Choice[]).push(this.endpoint === 'completions' ? { index, text: '', finish_reason: 'content_filter' } : { index, delta: {}, finish_reason: 'content_filter' });
      }
    }
    return choices.length > 0 && (chunk['choices'] as Choice[]).every(saysNothing) ? undefined : event(Buffer.from(JSON.stringify(chunk)));
  }

  /** What was held back of an answer whose engine did not say why it finished. */
  private heldBack(): Buffer {
    const choices = this.isStopped ? [] : (this.guard?.rest(this.endpoint === 'completions' ? 'text' : 'delta') ?? []);
    return choices.length === 0 ? Buffer.alloc(0) : event(Buffer.from(JSON.stringify({ ...this.head, choices })));
  }

  error(error: DomainError): Buffer {
    return event(Buffer.from(errorAnswer(error).body));
  }

  /** Clients read a changed id as another answer. */
  private keepHead(chunk: Chunk): boolean {
    if (this.head === undefined) {
      const object = this.endpoint === 'completions' ? 'text_completion' : 'chat.completion.chunk';
      const { id = 'unnamed', created = Math.floor(Date.now() / 1_000), model } = chunk;
      this.head = { id, created, object: chunk['object'] ?? object, model };
    }
    const { id, created } = this.head;
    if (chunk['id'] === id && chunk['created'] === created) return false;
    Object.assign(chunk, { id, created, object: chunk['object'] ?? this.head.object });
    return true;
  }

  /** Usage leaves in a chunk of its own at the end, wherever the engine has put it. */
  private keepUsage(chunk: Chunk): boolean {
    const { usage } = chunk;
    if (typeof usage !== 'object' || usage === null) return false;
    this.usage = usage;
    if (this.isUsageWanted) chunk['usage'] = null;
    else delete chunk['usage'];
    return true;
  }
}

/** A piece whose words were all held back. */
function saysNothing({ text, delta, finish_reason: reason }: Choice): boolean {
  if (reason !== null && reason !== undefined) return false;
  if (delta) return Object.values(delta).every((value) => value === '' || value === null);
  return text === '';
}

const event = (data: Buffer): Buffer => Buffer.concat([prefix, data, suffix]);
const prefix = Buffer.from('data: ');
const suffix = Buffer.from('\n\n');

/** Errors: NODE_PROTOCOL, ENGINE_FAILED (the chunk is an error). */
export function parsedChunk(data: Buffer): Chunk {
  const chunk = objectOf(data);
  if (chunk['error']) throw failure('ENGINE_FAILED', 'the engine told of an error within its answer');
  return chunk;
}

function objectOf(data: Buffer): Chunk {
  try {
    const value: unknown = JSON.parse(data.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Chunk;
  } catch {
    // Said below.
  }
  throw failure('NODE_PROTOCOL', 'the machine streams something else than JSON');
}
