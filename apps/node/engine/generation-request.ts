import { z } from 'zod';
import type { Endpoint } from '#protocol';
import { refusal } from './engine.js';
import type { WholeAnswer } from './engine.js';

const part = z.looseObject({ type: z.literal('text', { error: 'only text parts are understood by this model' }), text: z.string() });
const content = z.union([z.string(), z.array(part).transform((parts) => parts.map(({ text }) => text).join(''))]);
const role = z.enum(['system', 'developer', 'user', 'assistant'], { error: 'this engine runs no tools: system, developer, user and assistant only' });
const message = z.object({ role, content: content.nullish().transform((text) => text ?? '') });
const stop = z.union([z.string(), z.array(z.string().min(1)).max(16)]).nullish();
const onlyOne = z.literal(1, { error: 'this engine gives one choice' }).nullish();
const plainText = z.object({ type: z.literal('text', { error: 'this engine gives plain text only' }) }).nullish();
const none = z.null({ error: 'is not supported by this engine' }).optional();
const off = z.literal(false, { error: 'is not supported by this engine' }).nullish();

const sampling = z.object({
  max_tokens: z.int().positive().nullish(),
  max_completion_tokens: z.int().positive().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  seed: z.int().nullish(),
  stop,
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: onlyOne,
});

const chat = sampling.extend({ messages: z.array(message).min(1), response_format: plainText, tools: z.union([none, z.array(z.never(), { error: 'this engine runs no tools' })]), logprobs: off });
const completion = sampling.extend({ prompt: z.union([z.string(), z.array(z.string()).length(1).transform(([text]) => text!)], { error: 'this engine takes one text' }), best_of: onlyOne, echo: off, suffix: none, logprobs: none });

export type ChatTurn = z.output<typeof message>;

/** One generation, as the engine runs it. */
export interface GenerationRequest {
  readonly prompt: { readonly turns: readonly ChatTurn[] } | { readonly text: string };
  readonly maxTokens: number | undefined;
  readonly stop: readonly string[];
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly seed: number | undefined;
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** Reads a request for text, or says what is wrong with it. */
export function readGenerationRequest(endpoint: Endpoint, body: Buffer): GenerationRequest | { readonly refused: WholeAnswer } {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return { refused: refusal(400, 'The body is not JSON.', null) };
  }
  const parsed = (endpoint === 'completions' ? completion : chat).safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const param = issue.path.join('.') || null;
    return { refused: refusal(400, `${param === null ? '' : `${param}: `}${issue.message}`, param) };
  }
  const asked = parsed.data;
  const stops = asked.stop ?? [];
  return {
    prompt: 'messages' in asked ? { turns: asked.messages } : { text: asked.prompt },
    maxTokens: asked.max_completion_tokens ?? asked.max_tokens ?? undefined,
    stop: (typeof stops === 'string' ? [stops] : stops).filter((text) => text !== ''),
    temperature: asked.temperature ?? 1,
    topP: asked.top_p ?? 1,
    topK: asked.top_k ?? 0,
    minP: asked.min_p ?? 0,
    frequencyPenalty: asked.frequency_penalty ?? 0,
    presencePenalty: asked.presence_penalty ?? 0,
    seed: asked.seed ?? undefined,
    stream: asked.stream === true,
    includeUsage: asked.stream_options?.include_usage === true,
  };
}
