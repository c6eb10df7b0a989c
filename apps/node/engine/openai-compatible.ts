import { Agent, request as httpRequest } from 'undici';
import type { Dispatcher, FormData } from 'undici';
import { z } from 'zod';
import { estimateUsage, failure, limits, producedText } from '#protocol';
import type { Endpoint } from '#protocol';
import type { JobUsage } from '#wire';
import { Engine, noUsage, refusal } from './engine.js';
import type { EngineAnswer, EngineModel, EngineRequest } from './engine.js';
import { isMedia, mediaUsage } from './media-usage.js';
import { modelCalled } from './model-called.js';
import { formOf } from './recording-form.js';
import { retryAfterMs } from './retry-after.js';
import { saidUsage } from './said-usage.js';
import { StreamUsage } from './stream-usage.js';
import { usageAtEnd } from './usage-at-end.js';

export const paths: Record<Endpoint, string> = {
  embeddings: 'embeddings',
  'chat.completions': 'chat/completions',
  completions: 'completions',
  moderations: 'moderations',
  'images.generations': 'images/generations',
  'audio.transcriptions': 'audio/transcriptions',
  'audio.speech': 'audio/speech',
};

const modelList = z.object({ data: z.array(z.object({ id: z.string().min(1).max(200) })) });

/** An engine that speaks OpenAI's protocol: vLLM, Ollama, llama.cpp and others. */
export class OpenAiCompatibleEngine extends Engine {
  protected readonly base: string;
  private readonly agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: limits.streamDeadlineMs, bodyTimeout: limits.streamDeadlineMs });

  /** `url` with or without `/v1`; `key` if the engine asks for one. */
  constructor(
    url: string,
    private readonly key?: string,
    /** It takes `cache_salt`, as vLLM does: organisations share no prefix cache. */
    private readonly isSalted = false,
    /** What models are for whose names do not say. */
    private readonly endpointsOf: ReadonlyMap<string, readonly Endpoint[]> = new Map(),
  ) {
    super();
    const { origin, pathname } = new URL(url);
    const path = pathname.replace(/\/+$/, '');
    this.base = `${origin}${path.endsWith('/v1') ? path : `${path}/v1`}`;
  }

  /** What the engine lists. The list does not say what a model is for: its owner does, or its name. */
  async models(): Promise<EngineModel[]> {
    const signal = AbortSignal.timeout(10_000);
    const response = await this.ask('GET', 'models', undefined, signal);
    const { statusCode: status } = response;
    const body = await whole(response, signal);
    const parsed = modelList.safeParse(parseJson(body));
    if (status !== 200 || !parsed.success) throw failure('ENGINE_FAILED', `${this.base}/models answered ${status} and no list of models`);
    return parsed.data.data.map(({ id }) => modelCalled(id, this.endpointsOf));
  }

  async run(request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer> {
    const asked = parseJson(request.body) as { model?: unknown } | undefined;
    if (asked?.model !== request.model) return refusal(400, 'The body names another model than the offer.', 'model');
    const form = request.endpoint === 'audio.transcriptions' ? formOf(asked) : undefined;
    if (request.endpoint === 'audio.transcriptions' && form === undefined) return refusal(400, 'The body holds no recording.', 'file');
    return this.answer(await this.ask('POST', paths[request.endpoint], form?.form ?? this.salted(asked, request), signal), request.endpoint, asked, signal);
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  /** What an engine's response to a request comes to. Error: ENGINE_FAILED. */
  protected async answer(response: Dispatcher.ResponseData, endpoint: Endpoint, asked: object, signal: AbortSignal): Promise<EngineAnswer> {
    const { statusCode: status } = response;
    const contentType = contentTypeOf(response);
    if (status < 300 && !isMedia(endpoint) && contentType.startsWith('text/event-stream')) return streamed(response, contentType, asked, signal);
    const body = await whole(response, signal);
    if (status >= 300) return { status, contentType, retryAfterMs: retryAfterMs(response.headers, Date.now()), body, usage: noUsage };
    return { status, contentType, body, usage: isMedia(endpoint) ? mediaUsage(endpoint, asked as Record<string, unknown>, body) : usageOf(asked, parseJson(body)) };
  }

  /** A caller's own salt reaches no engine, whatever it is behind its URL: it may be another's. */
  private salted(asked: object, { body, endpoint, cacheSalt }: EngineRequest): Buffer {
    const { cache_salt: own, ...rest } = asked as { readonly cache_salt?: unknown };
    const salt = this.isSalted && endpoint !== 'embeddings' && !isMedia(endpoint) ? cacheSalt : undefined;
    if (salt === undefined && own === undefined) return body;
    return Buffer.from(JSON.stringify({ ...rest, ...(salt !== undefined && { cache_salt: salt }) }));
  }

  protected async ask(method: 'GET' | 'POST', path: string, body: Buffer | FormData | undefined, signal: AbortSignal, more: Record<string, string> = {}): Promise<Dispatcher.ResponseData> {
    const headers = { ...(!Buffer.isBuffer(body) ? {} : { 'content-type': 'application/json' }), ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }), ...more };
    try {
      return await httpRequest(`${this.base}/${path}`, { method, headers, body: body ?? null, signal, dispatcher: this.agent });
    } catch (error) {
      throw unanswered(error, signal);
    }
  }
}

/** The engine's bytes as they come, usage looked up as they pass. An engine that does not say `[DONE]` has broken off. */
function streamed(response: Dispatcher.ResponseData, contentType: string, asked: unknown, signal: AbortSignal): EngineAnswer {
  const seen = new StreamUsage(asked);
  const { usage, ended } = usageAtEnd(() => seen.usage(), signal);
  return { status: response.statusCode, contentType, body: pieces(), usage };

  async function* pieces(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        seen.pass(chunk);
        yield chunk;
        if (seen.failed) throw new Error('the engine told of an error');
      }
      seen.end();
      if (!seen.whole) throw new Error('the engine did not say that it had finished');
    } catch (error) {
      throw unanswered(error, signal);
    } finally {
      ended();
    }
  }
}

async function whole(response: Dispatcher.ResponseData, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > limits.responseBytesMax) throw new Error(`the answer is over ${limits.responseBytesMax} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw unanswered(error, signal);
  }
  return Buffer.concat(chunks);
}

/** An engine that says no usage is metered by an estimate, which the record names. Error: ENGINE_FAILED for what is no answer at all. */
function usageOf(asked: unknown, answer: unknown): JobUsage {
  if (typeof answer !== 'object' || answer === null) throw failure('ENGINE_FAILED', 'the engine answered something else than JSON');
  const { choices } = answer as { choices?: unknown };
  const text = Array.isArray(choices) ? choices.map(producedText).join('') : '';
  return saidUsage(answer) ?? { ...estimateUsage(asked, text), estimated: true };
}

function contentTypeOf(response: Dispatcher.ResponseData): string {
  const given = response.headers['content-type'];
  return (Array.isArray(given) ? given[0] : given)?.slice(0, 200) ?? 'application/octet-stream';
}

function unanswered(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : failure('ENGINE_FAILED', 'the engine does not answer', {}, error);
}

export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
