import { z } from 'zod';
import { failure, limits } from '#protocol';
import type { Inlined } from '../images/inline-images.js';
import { ownBytes } from '../request/own-bytes.js';
import { hidesReasoning, tokensShown } from '../request/produced.js';
import type { ParsedRequest } from './parsed-request.js';
import { noRefusedFields } from './refused-fields.js';
import { outputLimit, streamFields, streamOf } from './stream-request.js';
import { writtenTexts } from './written-texts.js';

/** Where the caller sets no limit: what is reserved and sent as `max_tokens`. */
const outputTokensDefault = 4_096;
const outputTokensMax = 131_072;
/** What a chat template adds by itself: role markers, a default system prompt, tool instructions. */
const templateTokens = 1_024;
const markersPerMessage = 16;

/** A vision model's largest picture: 16,384 patches, the most that the processors of open models are set to by default. */
const tokensPerImageMax = 16_384;

const textPart = z.looseObject({ type: z.enum(['text', 'refusal']) });
const imagePart = z.looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.string().min(1), detail: z.string().nullish() }) });
const part = z.union([textPart, imagePart], { error: 'only parts of type text and image_url are supported' });
const message = z.looseObject({ role: z.string().min(1), content: z.union([z.string(), z.array(part), z.null()], { error: 'must be a text, parts of text and images, or null' }).optional() });
const tokens = z.int().positive().max(outputTokensMax);

/** Of two tools of one name nobody could say which was called. */
function noToolTwice(request: object, context: z.RefinementCtx): void {
  const { tools } = request as { readonly tools?: unknown };
  const names = new Set<string>();
  (Array.isArray(tools) ? (tools as unknown[]) : []).forEach((tool, at) => {
    const name = (tool as { function?: { name?: unknown } } | null)?.function?.name;
    if (typeof name === 'string' && names.size === names.add(name).size) context.addIssue({ code: 'custom', path: ['tools', at, 'function', 'name'], message: `two tools are named "${name.slice(0, 64)}"` });
  });
}

/** `POST /v1/chat/completions`. Fields that are not listed go to the engine as they are. */
export const chatRequest = z
  .looseObject({
    model: z.string().min(1).max(200),
    messages: z.array(message).min(1),
    ...streamFields,
    max_tokens: tokens.nullish(),
    max_completion_tokens: tokens.nullish(),
    n: z.int().min(1).max(128).nullish(),
  })
  .superRefine(noRefusedFields)
  .superRefine(noToolTwice);

/** `POST /v1/chat/completions`: the engine's answer as it is. */
export const chatReply = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(z.looseObject({ index: z.int(), message: z.looseObject({ role: z.string(), content: z.string().nullish() }), finish_reason: z.string().nullable() })),
  usage: z.looseObject({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative(), total_tokens: z.int().nonnegative() }),
});

type ChatRequest = z.output<typeof chatRequest>;

/** `request`: by `ImageInliner`. What there is to scan, and to bound by its bytes, is its text. Error: BODY_TOO_LARGE. */
export function parseChat({ request, legible, images, complete }: Inlined<ChatRequest>): ParsedRequest {
  const { sent, form } = streamOf('chat.completions', request);
  const limit = outputLimit(request);
  const bounded = limit === null ? { ...sent, max_tokens: outputTokensDefault } : sent;
  const body = ownBytes(JSON.stringify(bounded));
  const textBytes = images === 0 ? body.length : Buffer.byteLength(JSON.stringify(legible));
  if (textBytes > limits.bodyBytesMax) throw failure('BODY_TOO_LARGE', `the text of a request has at most ${limits.bodyBytesMax} bytes`);
  const choices = request.n ?? 1;
  const outputTokens = (limit ?? outputTokensDefault) * choices;
  return {
    endpoint: 'chat.completions',
    model: request.model,
    body,
    texts: writtenTexts(legible),
    bound: { inputTokens: textBytes + images * tokensPerImageMax + request.messages.length * markersPerMessage + templateTokens, outputTokens },
    choices,
    shown: (answer) => tokensShown(answer, choices),
    ...(hidesReasoning(request) && { unshownTokens: outputTokens }),
    ...(complete && { complete }),
    adapt: (answer) => answer,
    form,
  };
}
