import { embeddedDimensions, embeddedModel } from './embedding-request.js';
import type { WholeAnswer } from './engine.js';

/** What the model gave for the texts of one request: vectors one after the other, and the tokens they had in all. */
export interface Embedded {
  readonly vectors: Float32Array;
  readonly tokens: number;
}

/** OpenAI's embeddings answer. Base64 is of little-endian float32, as OpenAI's. */
export function embeddingAnswer(embedded: Embedded, encoding: 'float' | 'base64'): WholeAnswer {
  const data = [];
  for (let index = 0; index * embeddedDimensions < embedded.vectors.length; index += 1) {
    const vector = embedded.vectors.subarray(index * embeddedDimensions, (index + 1) * embeddedDimensions);
    data.push({ object: 'embedding', index, embedding: encoding === 'base64' ? toBase64(vector) : Array.from(vector) });
  }
  const body = { object: 'list', data, model: embeddedModel, usage: { prompt_tokens: embedded.tokens, total_tokens: embedded.tokens } };
  return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)), usage: { inputTokens: embedded.tokens, outputTokens: 0 } };
}

function toBase64(vector: Float32Array): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4));
  return bytes.toString('base64');
}
