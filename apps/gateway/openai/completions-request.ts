import { z } from 'zod';
import { limits } from '#protocol';
import { ownBytes } from '../request/own-bytes.js';
import { tokensShown } from '../request/produced.js';
import { inputBound } from '../request/upper-bound.js';
import type { ParsedRequest } from './parsed-request.js';
import { noRefusedFields } from './refused-fields.js';
import { outputLimit, streamFields, streamOf } from './stream-request.js';
import { writtenTexts } from './written-texts.js';

/** OpenAI's own default, where the caller sets no limit: what is reserved and sent. */
const outputTokensDefault = 16;
const outputTokensMax = 131_072;
const choicesMax = 128;

const text = z.string().min(1);

/** `POST /v1/completions`. Fields that are not listed go to the engine as they are. */
export const completionsRequest = z
  .looseObject({
    model: z.string().min(1).max(200),
    prompt: z.union([text, z.array(text).min(1).max(limits.embeddingInputsMax)], { error: 'must be a text or texts, none empty; token arrays are not taken: what they say cannot be classified' }),
    ...streamFields,
    suffix: z.string().nullish(),
    max_tokens: z.int().positive().max(outputTokensMax).nullish(),
    max_completion_tokens: z.int().positive().max(outputTokensMax).nullish(),
    n: z.int().min(1).max(choicesMax).nullish(),
    best_of: z.int().min(1).max(choicesMax).nullish(),
    echo: z.boolean().nullish(),
  })
  .superRefine(noRefusedFields);

/** `POST /v1/completions`: the engine's answer as it is. */
export const completionsReply = z.looseObject({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(z.looseObject({ index: z.int(), text: z.string(), finish_reason: z.string().nullable() })),
  usage: z.looseObject({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative(), total_tokens: z.int().nonnegative() }),
});

export function parseCompletions(request: z.output<typeof completionsRequest>): ParsedRequest {
  const { sent, form } = streamOf('completions', request);
  const limit = outputLimit(request) ?? outputTokensDefault;
  const prompts = typeof request.prompt === 'string' ? [request.prompt] : request.prompt;
  const choices = prompts.length * (request.n ?? 1);
  const made = prompts.length * Math.max(request.n ?? 1, request.best_of ?? 1);
  return {
    endpoint: 'completions',
    model: request.model,
    body: ownBytes(JSON.stringify({ ...sent, max_tokens: request.max_tokens ?? limit })),
    texts: writtenTexts(request),
    bound: { inputTokens: inputBound([...prompts, request.suffix ?? '']), outputTokens: limit * made },
    choices,
    shown: (answer) => tokensShown(answer, choices),
    // Of the best of several, the others are made and not shown.
    ...(made > choices && { unshownTokens: limit * (made - choices) }),
    adapt: (answer) => answer,
    form,
  };
}
