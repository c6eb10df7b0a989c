import { Agent, request as httpRequest } from 'undici';
import { z } from 'zod';
import { failure, limits } from '#protocol';
import type { Endpoint } from '#protocol';
import { Engine, noUsage, refusal } from './engine.js';
import type { EngineAnswer, EngineModel, EngineRequest } from './engine.js';

const paths: Record<Endpoint, string> = { embeddings: 'embeddings', 'chat.completions': 'chat/completions' };

const modelList = z.object({ data: z.array(z.object({ id: z.string().min(1).max(200) })) });
const answerUsage = z.object({ usage: z.object({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative().optional() }) });

/** An engine that speaks OpenAI's protocol: vLLM, Ollama, llama.cpp and others. */
export class OpenAiCompatibleEngine extends Engine {
  private readonly base: string;
  private readonly agent = new Agent({ connect: { timeout: 5_000 }, headersTimeout: limits.requestDeadlineMs, bodyTimeout: limits.requestDeadlineMs });

  /** `url` with or without `/v1`; `key` if the engine asks for one. */
  constructor(
    url: string,
    private readonly key?: string,
  ) {
    super();
    const { origin, pathname } = new URL(url);
    const path = pathname.replace(/\/+$/, '');
    this.base = `${origin}${path.endsWith('/v1') ? path : `${path}/v1`}`;
  }

  /** What the engine lists. The list does not say what a model is for: names with `embed` are embedding models, others chat. */
  async models(): Promise<EngineModel[]> {
    const { status, body } = await this.ask('GET', 'models', undefined, AbortSignal.timeout(10_000));
    const parsed = modelList.safeParse(parseJson(body));
    if (status !== 200 || !parsed.success) throw failure('ENGINE_FAILED', `${this.base}/models answered ${status} and no list of models`);
    return parsed.data.data.map(({ id }) => ({ model: id, endpoints: [/embed/i.test(id) ? 'embeddings' : 'chat.completions'] }));
  }

  async run(request: EngineRequest, signal: AbortSignal): Promise<EngineAnswer> {
    const asked = parseJson(request.body) as { stream?: unknown; model?: unknown } | undefined;
    if (asked?.stream === true) return refusal(400, 'Streaming is not supported here.', 'stream');
    if (asked?.model !== request.model) return refusal(400, 'The body names another model than the offer.', 'model');
    const { status, contentType, body } = await this.ask('POST', paths[request.endpoint], request.body, signal);
    if (status >= 300) return { status, contentType, body, usage: noUsage };
    const usage = answerUsage.safeParse(parseJson(body)).data?.usage;
    if (usage === undefined) throw failure('ENGINE_FAILED', 'the engine did not say what it used');
    return { status, contentType, body, usage: { inputTokens: usage.prompt_tokens, outputTokens: usage.completion_tokens ?? 0 } };
  }

  async close(): Promise<void> {
    await this.agent.close();
  }

  private async ask(method: 'GET' | 'POST', path: string, body: Buffer | undefined, signal: AbortSignal): Promise<{ status: number; contentType: string; body: Buffer }> {
    const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(this.key === undefined ? {} : { authorization: `Bearer ${this.key}` }) };
    try {
      const response = await httpRequest(`${this.base}/${path}`, { method, headers, body: body ?? null, signal, dispatcher: this.agent });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > limits.responseBytesMax) throw new Error(`the answer is over ${limits.responseBytesMax} bytes`);
        chunks.push(chunk);
      }
      const contentType = response.headers['content-type'];
      return { status: response.statusCode, contentType: (Array.isArray(contentType) ? contentType[0] : contentType)?.slice(0, 200) ?? 'application/octet-stream', body: Buffer.concat(chunks) };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw failure('ENGINE_FAILED', 'the engine does not answer', {}, error);
    }
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
