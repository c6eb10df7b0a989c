import { z } from 'zod';
import { limits } from '#protocol';
import { refusal } from './engine.js';
import type { WholeAnswer } from './engine.js';

/** The model's own name; it is the lite Universal Sentence Encoder, English, 512 dimensions. */
export const embeddedModel = 'universal-sentence-encoder-lite';
export const embeddedDimensions = 512;

/**
 * Longest text, in UTF-16 units: about 5,000 tokens. The model itself has no bound, but its tokenizer's time grows with the
 * square of the length (0.1 s at 10,000 characters, 0.6 s at 20,000, 20 s at 78,000).
 */
export const textCharsMax = 16_384;

const shape = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1).max(limits.embeddingInputsMax)]),
  encoding_format: z.enum(['float', 'base64']).default('float'),
  dimensions: z.int().optional(),
});

export interface EmbeddingRequest {
  readonly texts: readonly string[];
  readonly encoding: 'float' | 'base64';
}

/** Reads an OpenAI embeddings request, or says with 400 what is wrong with it. */
export function readEmbeddingRequest(body: Buffer): EmbeddingRequest | { refused: WholeAnswer } {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return { refused: refusal(400, 'The body is not JSON.', null) };
  }
  const input = (json as { input?: unknown } | null)?.input;
  if (Array.isArray(input) && input.some((item) => typeof item === 'number' || Array.isArray(item))) {
    return { refused: refusal(400, 'Token arrays are not supported: this model has a vocabulary of its own. Send text.', 'input') };
  }
  const parsed = shape.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return { refused: refusal(400, `${issue.path.join('.') || 'body'}: ${issue.message}`, issue.path.join('.') || null) };
  }
  const { model, dimensions, encoding_format: encoding } = parsed.data;
  const texts = typeof parsed.data.input === 'string' ? [parsed.data.input] : parsed.data.input;
  if (model !== embeddedModel) return { refused: refusal(404, `This engine runs ${embeddedModel}, not ${model}.`, 'model', 'model_not_found') };
  if (dimensions !== undefined && dimensions !== embeddedDimensions) {
    return { refused: refusal(400, `This model has ${embeddedDimensions} dimensions; they cannot be shortened.`, 'dimensions') };
  }
  const empty = texts.findIndex((text) => text.normalize('NFKC').length === 0);
  if (empty >= 0) return { refused: refusal(400, `Input ${empty} is empty.`, 'input') };
  const long = texts.findIndex((text) => text.normalize('NFKC').length > textCharsMax);
  if (long >= 0) {
    return { refused: refusal(400, `Input ${long} has ${texts[long]!.length} characters; this model takes at most ${textCharsMax} a text.`, 'input', 'context_length_exceeded') };
  }
  return { texts, encoding };
}
