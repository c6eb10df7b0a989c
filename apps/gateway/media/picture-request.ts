import { z } from 'zod';
import { failure, pictureTokens } from '#protocol';
import { typeOfImage } from '../images/image-bytes.js';
import type { ParsedRequest } from '../openai/parsed-request.js';
import { noRefusedFields } from '../openai/refused-fields.js';
import { writtenTexts } from '../openai/written-texts.js';
import { inputBound } from '../request/upper-bound.js';
import { jsonAnswer } from '../answers/json-answer.js';

const picturesMax = 10;
/** As OpenAI's: what is reserved and sent where the caller leaves it to the engine. */
const sizeDefault = '1024x1024';
const sideMax = 4_096;

const size = z
  .string()
  .regex(/^([1-9]\d{1,3}x[1-9]\d{1,3}|auto)$/, 'must be a width and a height, as 1024x1024')
  .refine((text) => text === 'auto' || text.split('x').every((side) => Number(side) <= sideMax), `must have at most ${sideMax} pixels a side`);

/** `POST /v1/images/generations`. Fields that are not listed go to the engine as they are. */
export const pictureRequest = z
  .looseObject({
    /** OpenAI's own default. */
    model: z.string().min(1).max(200).default('dall-e-2'),
    prompt: z.string().min(1),
    n: z.int().min(1).max(picturesMax).nullish(),
    size: size.nullish(),
    response_format: z.enum(['url', 'b64_json']).nullish(),
    stream: z.literal(false, { error: 'pictures are not streamed' }).nullish(),
  })
  .superRefine(noRefusedFields);

/** The engine's answer; pictures are in it. */
export const pictureReply = z.looseObject({
  created: z.int(),
  data: z.array(z.looseObject({ b64_json: z.base64().optional(), url: z.string().optional().meta({ description: 'A data: URL, where response_format is url' }), revised_prompt: z.string().optional() })),
});

/**
 * A picture is always answered as bytes: what stands behind a machine's URL is no part of what is recorded, and who fetched it would be
 * known there. Who asks for URLs gets `data:` URLs.
 */
export function parsePicture(request: z.output<typeof pictureRequest>): ParsedRequest {
  const asksUrl = request.response_format === 'url';
  const count = request.n ?? 1;
  const sent = { ...request, size: request.size && request.size !== 'auto' ? request.size : sizeDefault, response_format: 'b64_json' };
  const texts = writtenTexts(request);
  return {
    endpoint: 'images.generations',
    model: request.model,
    body: Buffer.from(JSON.stringify(sent)),
    texts,
    takesLong: true,
    // An eighth for what engines count beside the patches.
    bound: { inputTokens: inputBound(texts), outputTokens: Math.ceil((count * pictureTokens(sent.size) * 9) / 8), meters: { images: count } },
    measured: (answer) => ({ images: (jsonAnswer(answer)['data'] as unknown[]).length }),
    adapt: (answer) => told(answer, count, asksUrl),
    contentType: 'application/json',
  };
}

/** Error: NODE_PROTOCOL for what holds no pictures, or more than were asked for. */
function told(body: Buffer, count: number, asksUrl: boolean): Buffer {
  const answer = jsonAnswer(body);
  const pictures = answer['data'];
  if (!Array.isArray(pictures) || pictures.length === 0 || pictures.length > count) throw failure('NODE_PROTOCOL', 'the machine answered without the pictures that were asked for');
  const data = (pictures as ({ b64_json?: unknown; url?: unknown } | null)[]).map((picture) => {
    const { url: _elsewhere, b64_json: bytes, ...more } = picture ?? {};
    if (typeof bytes !== 'string' || bytes === '') throw failure('NODE_PROTOCOL', 'the machine answered a picture that is elsewhere');
    return asksUrl ? { ...more, url: `data:${typeOfImage(Buffer.from(bytes.slice(0, 24), 'base64')) ?? 'application/octet-stream'};base64,${bytes}` } : { ...more, b64_json: bytes };
  });
  return Buffer.from(JSON.stringify({ ...answer, data }));
}
