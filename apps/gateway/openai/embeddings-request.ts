import { z } from 'zod';
import { limits } from '#protocol';
import { inputBound } from '../request/upper-bound.js';
import { inEncoding } from './embedding-encoding.js';
import type { ParsedRequest } from './parsed-request.js';
import { noRefusedFields } from './refused-fields.js';
import { writtenTexts } from './written-texts.js';

const text = z.string().min(1);

/** `POST /v1/embeddings`. Fields that are not listed go to the engine as they are. */
export const embeddingsRequest = z
  .looseObject({
    model: z.string().min(1).max(200),
    input: z.union([text, z.array(text).min(1).max(limits.embeddingInputsMax)], {
      error: `must be a text or 1 to ${limits.embeddingInputsMax} texts, none empty; token arrays are not taken: what they say cannot be classified`,
    }),
    encoding_format: z.enum(['float', 'base64']).optional(),
    dimensions: z.int().positive().optional(),
    user: z.string().optional(),
  })
  .superRefine(noRefusedFields)
  .refine((request) => !Object.hasOwn(request, 'messages'), { path: ['messages'], message: 'may not be set: what is embedded is input, and an engine would fetch the images of messages itself' });

/** `POST /v1/embeddings`: the answer. A vector is an array, or base64 of float32 little-endian if so asked. */
export const embeddingsReply = z.looseObject({
  object: z.literal('list'),
  data: z.array(z.looseObject({ object: z.literal('embedding'), index: z.int().nonnegative(), embedding: z.union([z.array(z.number()), z.base64()]) })),
  model: z.string(),
  usage: z.looseObject({ prompt_tokens: z.int().nonnegative(), total_tokens: z.int().nonnegative() }),
});

export function parseEmbeddings(request: z.output<typeof embeddingsRequest>): ParsedRequest {
  const texts = writtenTexts(request);
  const inputs = typeof request.input === 'string' ? [request.input] : request.input;
  return {
    endpoint: 'embeddings',
    model: request.model,
    body: Buffer.from(JSON.stringify(request)),
    texts,
    bound: { inputTokens: inputBound(inputs), outputTokens: 0 },
    adapt: (answer) => inEncoding(answer, request.encoding_format ?? 'float'),
  };
}
