import { DomainError } from '#kernel';
import type { ErrorCode } from '#protocol';
import type { Replicated } from '../replicated.js';
import type { InferenceJob } from './inference-job.js';
import { ownBytes } from './own-bytes.js';

/** What another model may do better. Nothing was answered yet, and nothing was charged. */
const movesOn: ReadonlySet<string> = new Set([
  'MODEL_NOT_FOUND',
  'MODEL_NOT_ALLOWED',
  'POLICY_DENIED',
  'NO_OFFER',
  'NO_CAPACITY',
  'NODE_UNREACHABLE',
  'NODE_PROTOCOL',
  'ENGINE_FAILED',
] satisfies ErrorCode[]);

/** Of these, what machines have tried. */
const ranBefore: ReadonlySet<string> = new Set(['NO_CAPACITY', 'NODE_UNREACHABLE', 'NODE_PROTOCOL', 'ENGINE_FAILED'] satisfies ErrorCode[]);

/** What a model's name stands for in an organisation: its alias's models in order, or itself. */
export function modelsOf(aliases: Replicated['aliases'], tenant: string, model: string): readonly string[] {
  return aliases.get(tenant)?.aliases.find(({ alias }) => alias === model)?.models ?? [model];
}

/**
 * Tries the models of an alias in order. Each is a request of its own: decided under the policy, reserved, and recorded under an id of
 * its own (the first record under the job's), so that whatever was tried stands in the log. Throws the last one's error.
 */
export async function inTurn<T>(job: InferenceJob, models: readonly string[], newId: () => string, mayRetry: () => boolean, serve: (job: InferenceJob) => Promise<T>): Promise<T> {
  let { id } = job;
  for (let at = 0; ; at += 1) {
    const model = models[at]!;
    try {
      return await serve(model === job.model && id === job.id ? job : withModel(job, model, id));
    } catch (error) {
      const isLast = at + 1 >= models.length;
      if (isLast || job.signal.aborted || job.streamed?.outlet.hasBegun || !(error instanceof DomainError) || !movesOn.has(error.code)) throw error;
      // Only what ran is tried again; a model that may not run here costs no machine anything.
      if (ranBefore.has(error.code) && !mayRetry()) throw error;
      if (error.details['record'] === id) id = (await job.nextRecord?.()) ?? newId();
    }
  }
}

/** The same request for another model: only the body's `model` differs. */
export function withModel(job: InferenceJob, model: string, id: string): InferenceJob {
  const body = ownBytes(JSON.stringify({ ...(JSON.parse(job.body.toString()) as object), model }));
  const grown = Math.max(0, body.length - job.body.length);
  return { ...job, id, model, body, bound: { ...job.bound, inputTokens: job.bound.inputTokens + grown } };
}
