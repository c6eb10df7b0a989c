import { createHash } from 'node:crypto';
import { z } from 'zod';
import { failure, recordingBound, recordingMsBound } from '#protocol';
import type { Form } from '../http/multipart-form.js';
import type { ParsedRequest } from '../openai/parsed-request.js';
import { noRefusedFields } from '../openai/refused-fields.js';
import { writtenTexts } from '../openai/written-texts.js';
import { inputBound } from '../request/upper-bound.js';
import { jsonAnswer } from '../answers/json-answer.js';

const types = { json: 'application/json', verbose_json: 'application/json', diarized_json: 'application/json', text: 'text/plain; charset=utf-8', srt: 'text/plain; charset=utf-8', vtt: 'text/plain; charset=utf-8' } as const;
type Format = keyof typeof types;

/** Fields of the form beside the recording. Those that are not listed go to the engine as they are. */
const fields = z
  .object({
    model: z.string().min(1).max(200),
    response_format: z.enum(Object.keys(types) as [Format, ...Format[]]).default('json'),
    stream: z.literal('false', { error: 'transcriptions are not streamed' }).optional(),
  })
  .catchall(z.union([z.string(), z.array(z.string())]))
  .superRefine(noRefusedFields);

/** `POST /v1/audio/transcriptions`: the whole form, as it is documented. */
export const transcriptionForm = z.object({
  file: z.string().meta({ format: 'binary' }),
  model: z.string().min(1).max(200),
  response_format: z.enum(Object.keys(types) as [Format, ...Format[]]).optional(),
  language: z.string().optional(),
  prompt: z.string().optional(),
  temperature: z.string().optional(),
  'timestamp_granularities[]': z.array(z.string()).optional(),
});

/** `json` and its kin; `text`, `srt` and `vtt` are no JSON. */
export const transcriptionReply = z.looseObject({ text: z.string() });

/**
 * The form becomes JSON, in which the recording is base64: that is what is hashed, and what a machine's node makes the form of again. Of
 * the file's name only its ending goes along, by which engines know the codec. What is said in a recording is not scanned. Error: REQUEST_INVALID.
 */
export function parseTranscription({ fields: given, filename }: Form, recording: Buffer): ParsedRequest {
  const read = fields.safeParse(Object.fromEntries([...given].filter(([name]) => name !== 'file').map(([name, values]) => [name, values.length === 1 && !name.endsWith('[]') ? values[0] : values])));
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    throw failure('REQUEST_INVALID', `${path.join('.')}: ${message}`, { param: path.join('.') });
  }
  if (recording.length === 0) throw failure('REQUEST_INVALID', 'file: the recording is empty', { param: 'file' });
  const { model, response_format: format } = read.data;
  const texts = writtenTexts(read.data);
  const { inputTokens, outputTokens } = recordingBound(recording.length);
  const isJson = types[format] === 'application/json';
  return {
    endpoint: 'audio.transcriptions',
    model,
    body: Buffer.from(JSON.stringify({ ...read.data, file: { name: `recording${endingOf(filename)}`, data: recording.toString('base64') } })),
    takesLong: true,
    texts: filename === undefined ? texts : [...texts, filename],
    bound: { inputTokens: inputTokens + inputBound(texts), outputTokens, meters: { audio_ms: recordingMsBound(recording) } },
    shown: (answer) => answer.length,
    adapt(answer) {
      if (isJson && typeof jsonAnswer(answer)['text'] !== 'string') throw failure('NODE_PROTOCOL', 'the machine answered without a text');
      return answer;
    },
    contentType: types[format],
    identity: { ...read.data, filename, recording: createHash('sha256').update(recording).digest('hex') },
  };
}

const endingOf = (filename = ''): string => /\.[A-Za-z0-9]{1,8}$/.exec(filename)?.[0].toLowerCase() ?? '';
