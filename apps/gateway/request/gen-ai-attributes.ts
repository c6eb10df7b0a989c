import type { Endpoint } from '#protocol';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';

export type GenAiAttributes = Record<string, string | number | boolean | string[]>;

/** Fields of a request that say how it is to be answered, and the attributes that they are: none of them holds what a person wrote. */
const requestFields: Readonly<Record<string, string>> = {
  seed: 'gen_ai.request.seed',
  stream: 'gen_ai.request.stream',
  temperature: 'gen_ai.request.temperature',
  top_p: 'gen_ai.request.top_p',
  top_k: 'gen_ai.request.top_k',
  max_tokens: 'gen_ai.request.max_tokens',
  max_completion_tokens: 'gen_ai.request.max_tokens',
  frequency_penalty: 'gen_ai.request.frequency_penalty',
  presence_penalty: 'gen_ai.request.presence_penalty',
  dimensions: 'gen_ai.embeddings.dimension.count',
};

/** What comes of a request that gives no text alone. */
const outputTypes: Partial<Record<Endpoint, string>> = { 'images.generations': 'image', 'audio.speech': 'speech', 'audio.transcriptions': 'text' };

export function requestAttributes({ endpoint, body }: Pick<InferenceJob, 'endpoint' | 'body'>): GenAiAttributes {
  const outputType = outputTypes[endpoint];
  const attributes: GenAiAttributes = outputType === undefined ? {} : { 'gen_ai.output.type': outputType };
  // Of a recording there is nothing to tell that were worth reading it.
  if (endpoint === 'audio.transcriptions') return attributes;
  const asked = objectOf(body);
  for (const [field, name] of Object.entries(requestFields)) {
    const value = asked[field];
    if (typeof value === 'number' || typeof value === 'boolean') attributes[name] = value;
  }
  if (typeof asked['n'] === 'number' && asked['n'] !== 1) attributes['gen_ai.request.choice.count'] = asked['n'];
  if (endpoint === 'embeddings' && typeof asked['encoding_format'] === 'string') attributes['gen_ai.request.encoding_formats'] = [asked['encoding_format']];
  return attributes;
}

export function responseAttributes({ engineBody, usage }: Pick<InferenceAnswer, 'engineBody' | 'usage'>): GenAiAttributes {
  const said = objectOf(engineBody);
  const attributes: GenAiAttributes = {};
  if (typeof said['id'] === 'string') attributes['gen_ai.response.id'] = said['id'];
  if (typeof said['model'] === 'string') attributes['gen_ai.response.model'] = said['model'];
  const reasons = (Array.isArray(said['choices']) ? (said['choices'] as unknown[]) : []).flatMap((choice) => (choice as { finish_reason?: unknown } | null)?.finish_reason ?? []);
  if (reasons.length > 0) attributes['gen_ai.response.finish_reasons'] = reasons.map(String);
  for (const [details, name, attribute] of usageDetails) {
    const count = objectAt(objectAt(said, 'usage'), details)[name];
    if (typeof count === 'number') attributes[attribute] = count;
  }
  return Object.assign(attributes, usageAttributes(usage));
}

export const usageAttributes = (usage: InferenceAnswer['usage']): GenAiAttributes => (usage === undefined ? {} : { 'gen_ai.usage.input_tokens': usage.inputTokens, 'gen_ai.usage.output_tokens': usage.outputTokens });

/** Where engines tell of what the totals hold. */
const usageDetails = [
  ['prompt_tokens_details', 'cached_tokens', 'gen_ai.usage.cache_read.input_tokens'],
  ['completion_tokens_details', 'reasoning_tokens', 'gen_ai.usage.reasoning.output_tokens'],
] as const;

function objectAt(value: Record<string, unknown>, name: string): Record<string, unknown> {
  const member = value[name];
  return typeof member === 'object' && member !== null ? (member as Record<string, unknown>) : {};
}

function objectOf(body: Buffer): Record<string, unknown> {
  if (body.length === 0) return {};
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
