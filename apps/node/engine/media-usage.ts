import { z } from 'zod';
import { estimatePrompt, estimateTokens, likelySeconds, pictureTokens, recordingBound, recordingMs, soundTokens, speechMs, toSpeak } from '#protocol';
import type { Endpoint } from '#protocol';
import type { JobUsage } from '#wire';
import { formOf } from './recording-form.js';

export type MediaEndpoint = Exclude<Endpoint, 'embeddings' | 'chat.completions' | 'completions'>;

export const isMedia = (endpoint: Endpoint): endpoint is MediaEndpoint => endpoint === 'moderations' || endpoint === 'images.generations' || endpoint.startsWith('audio.');

const said = z.object({ usage: z.object({ input_tokens: z.int().nonnegative(), output_tokens: z.int().nonnegative() }) });
const timed = z.union([z.object({ usage: z.object({ seconds: z.number().nonnegative() }) }).transform(({ usage }) => usage.seconds), z.object({ duration: z.coerce.number<string | number>().nonnegative() }).transform(({ duration }) => duration)]);

/** What is no text, in tokens and in pictures or sound, by the rules of `media-tokens`. An engine's own count goes before them; few say one. */
export function mediaUsage(endpoint: MediaEndpoint, asked: Readonly<Record<string, unknown>>, body: Buffer): JobUsage {
  const { estimated, ...tokens } = tokensOf(endpoint, asked, body);
  const meters = measured(endpoint, asked, body);
  return { ...tokens, ...(meters && { meters }), ...(estimated && { estimated }) };
}

function measured(endpoint: MediaEndpoint, asked: Readonly<Record<string, unknown>>, body: Buffer): JobUsage['meters'] {
  switch (endpoint) {
    case 'moderations':
      return undefined;
    case 'images.generations':
      return { images: picturesOf(asked, jsonOf(body)) };
    case 'audio.speech':
      return { audio_ms: speechMs(toSpeak(asked), body) };
    case 'audio.transcriptions':
      return { audio_ms: recordingMs(formOf(asked)?.recording ?? Buffer.alloc(0), timed.safeParse(jsonOf(body)).data) };
  }
}

const picturesOf = (asked: Readonly<Record<string, unknown>>, answer: unknown): number => Math.min(picturesIn(answer), Number(asked['n'] ?? 1));

function tokensOf(endpoint: MediaEndpoint, asked: Readonly<Record<string, unknown>>, body: Buffer): JobUsage {
  // Sound is no JSON and says nothing of what it took.
  if (endpoint === 'audio.speech') return { inputTokens: estimatePrompt({ input: asked['input'] }), outputTokens: 0, estimated: true };
  const answer = jsonOf(body);
  const counted = said.safeParse(answer).data?.usage;
  if (counted) return { inputTokens: counted.input_tokens, outputTokens: counted.output_tokens };
  switch (endpoint) {
    case 'moderations':
      return { inputTokens: estimatePrompt({ input: asked['input'] }), outputTokens: 0, estimated: true };
    case 'images.generations':
      return { inputTokens: estimatePrompt({ prompt: asked['prompt'] }), outputTokens: picturesOf(asked, answer) * pictureTokens(String(asked['size'])), estimated: true };
    case 'audio.transcriptions':
      return transcription(asked, answer, body);
  }
}

function transcription(asked: Readonly<Record<string, unknown>>, answer: unknown, body: Buffer): JobUsage {
  const recording = formOf(asked)?.recording ?? Buffer.alloc(0);
  const bound = recordingBound(recording.length);
  const text = (answer as { text?: unknown } | undefined)?.text;
  const prompt = typeof asked['prompt'] === 'string' ? estimateTokens(asked['prompt']) : 0;
  const sound = soundTokens(timed.safeParse(answer).data ?? likelySeconds(recording));
  return {
    inputTokens: Math.min(sound, bound.inputTokens) + prompt,
    outputTokens: Math.min(estimateTokens(typeof text === 'string' ? text : body.toString('utf8')), bound.outputTokens),
    estimated: true,
  };
}

function picturesIn(answer: unknown): number {
  const { data } = (answer ?? {}) as { data?: unknown };
  return Array.isArray(data) ? data.length : 0;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
