import { toFloats } from '../openai/embedding-encoding.js';
import type { InferenceJob } from './inference-job.js';
import type { SemanticPlace } from './semantic-cache.js';
import { inputBound } from './upper-bound.js';

/**
 * The request for a question's vector: one like any other of the same caller, decided by the policy, reserved, charged and recorded under
 * an id of its own.
 */
export function embeddingJob({ keyId, role, tenant, project, declared, signal }: InferenceJob, { question, setting }: SemanticPlace, id: string): InferenceJob {
  return {
    id,
    endpoint: 'embeddings',
    model: setting.model,
    ...{ keyId, role, tenant, project, declared, signal },
    body: Buffer.from(JSON.stringify({ model: setting.model, input: question })),
    texts: [question],
    bound: { inputTokens: inputBound([question]), outputTokens: 0 },
    adapt: (answer) => answer,
  };
}

/** The one vector of an embeddings answer; `undefined` when there is none. */
export function vectorOf(answer: Buffer): Float32Array | undefined {
  try {
    const { data } = JSON.parse(answer.toString('utf8')) as { data: { embedding: unknown }[] };
    const vector = Float32Array.from(toFloats(data[0]?.embedding));
    return vector.length > 0 && vector.every(Number.isFinite) ? vector : undefined;
  } catch {
    return undefined;
  }
}
