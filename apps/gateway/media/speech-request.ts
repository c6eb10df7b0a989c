import { z } from 'zod';
import { speechMs, speechMsBound, toSpeak } from '#protocol';
import type { ParsedRequest } from '../openai/parsed-request.js';
import { noRefusedFields } from '../openai/refused-fields.js';
import { writtenTexts } from '../openai/written-texts.js';
import { inputBound } from '../request/upper-bound.js';

/** OpenAI's own limit. */
const inputCharsMax = 4_096;

const types = { mp3: 'audio/mpeg', opus: 'audio/ogg', aac: 'audio/aac', flac: 'audio/flac', wav: 'audio/wav', pcm: 'audio/pcm' } as const;
type Format = keyof typeof types;

/** `POST /v1/audio/speech`. Fields that are not listed go to the engine as they are. */
export const speechRequest = z
  .looseObject({
    model: z.string().min(1).max(200),
    input: z.string().min(1).max(inputCharsMax),
    voice: z.union([z.string().min(1).max(200), z.looseObject({ id: z.string() })]),
    response_format: z.enum(Object.keys(types) as [Format, ...Format[]]).nullish(),
    stream_format: z.literal('audio', { error: 'speech is answered as sound: leave stream_format out' }).nullish(),
  })
  .superRefine(noRefusedFields);

/** Of sound no engine says what it took: the text is what is metered, and how long the sound is by its own bytes. The kind of sound is said by what was asked for, not by the machine. */
export function parseSpeech(request: z.output<typeof speechRequest>): ParsedRequest {
  const texts = writtenTexts(request);
  const asked = toSpeak(request);
  return {
    endpoint: 'audio.speech',
    model: request.model,
    body: Buffer.from(JSON.stringify(request)),
    texts,
    takesLong: true,
    bound: { inputTokens: inputBound(texts), outputTokens: 0, meters: { audio_ms: speechMsBound(asked) } },
    measured: (answer) => ({ audio_ms: speechMs(asked, answer) }),
    adapt: (answer) => answer,
    contentType: types[request.response_format ?? 'mp3'],
  };
}
