import { z } from 'zod';
import { failure, limits } from '#protocol';
import type { ParsedRequest } from '../openai/parsed-request.js';
import { noRefusedFields } from '../openai/refused-fields.js';
import { writtenTexts } from '../openai/written-texts.js';
import { inputBound } from '../request/upper-bound.js';
import { jsonAnswer } from '../answers/json-answer.js';

const text = z.string().min(1);
const textPart = z.looseObject({ type: z.literal('text', { error: 'only parts of type text are judged' }), text });
const inputError = 'must be a text, or texts, or parts of text, none empty';

/** `POST /v1/moderations`. Fields that are not listed go to the engine as they are. */
export const moderationRequest = z
  .looseObject({
    /** OpenAI's own default. */
    model: z.string().min(1).max(200).default('omni-moderation-latest'),
    input: z.union([text, z.array(text).min(1).max(limits.embeddingInputsMax), z.array(textPart).min(1).max(limits.embeddingInputsMax)], { error: inputError }),
  })
  .superRefine(noRefusedFields);

/** The engine's answer as it is. */
export const moderationReply = z.looseObject({
  id: z.string(),
  model: z.string(),
  results: z.array(z.looseObject({ flagged: z.boolean(), categories: z.record(z.string(), z.boolean().nullable()), category_scores: z.record(z.string(), z.number()) })),
});

export function parseModeration(request: z.output<typeof moderationRequest>): ParsedRequest {
  const texts = writtenTexts(request);
  return {
    endpoint: 'moderations',
    model: request.model,
    body: Buffer.from(JSON.stringify(request)),
    texts,
    bound: { inputTokens: inputBound(texts), outputTokens: 0 },
    contentType: 'application/json',
    adapt(answer) {
      if (!Array.isArray(jsonAnswer(answer)['results'])) throw failure('NODE_PROTOCOL', 'the machine answered without results');
      return answer;
    },
  };
}
