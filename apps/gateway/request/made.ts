import { estimateUsage } from '#protocol';
import type { CompletedFacts, Usage } from '#protocol';
import { Interrupted } from '#wire';
import type { JobEnd, JobResult } from '#wire';
import type { InferenceJob } from './inference-job.js';
import type { StreamForm } from './streamed-job.js';
import { isWithin } from './upper-bound.js';

/** What a machine produced, as far as it is paid for. */
export interface Made {
  readonly usage: Usage;
  readonly source: Extract<CompletedFacts['usageSource'], 'engine' | 'estimated'>;
  readonly responseHash: string | null;
  readonly receipt: CompletedFacts['receipt'];
}

export const madeOf = (result: Pick<JobResult, 'usage' | 'estimated' | 'receipt'>, responseHash: string): Made => ({
  usage: result.usage,
  source: result.estimated === true ? 'estimated' : 'engine',
  responseHash,
  receipt: result.receipt,
});

/**
 * What is paid of it where the answer can hold at most so many tokens of output: a machine that claims more is paid for those. Its receipt
 * then says something else than the record and stays out of it: billing has its own copy, as a claim that no charge supports.
 */
export function asShown(made: Made, outputTokensMax: number): Made {
  if (made.usage.outputTokens <= outputTokensMax) return made;
  return { ...made, usage: { ...made.usage, outputTokens: outputTokensMax }, source: 'estimated', receipt: null };
}

/** What a machine had made of a whole answer when nobody waited for it any more: by its receipt, or nothing. */
export const madeUntil = (job: Pick<InferenceJob, 'bound'>, error: unknown): Made | null =>
  error instanceof Interrupted && isWithin(error.end.usage, job.bound) ? madeOf(error.end, error.end.responseHash) : null;

/**
 * What a stream produced that may not have come to its end: by its node's receipt, or by an estimate of the text that came when the
 * node cannot say or claims more than the request can hold. Null: nothing.
 */
export function madeOfStream(job: Pick<InferenceJob, 'body' | 'bound' | 'choices' | 'unshownTokens'>, { produced }: Pick<StreamForm, 'produced'>, end: JobEnd | undefined): Made | null {
  if (end !== undefined && isWithin(end.usage, job.bound)) return asShown(madeOf(end, end.responseHash), produced.tokensMax(job.choices ?? 1) + (job.unshownTokens ?? 0));
  const { text } = produced;
  if (text === '') return null;
  const { inputTokens, outputTokens } = estimateUsage(JSON.parse(job.body.toString('utf8')), text);
  const usage = { inputTokens: Math.min(inputTokens, job.bound.inputTokens), outputTokens: Math.min(outputTokens, job.bound.outputTokens) };
  return { usage, source: 'estimated', responseHash: null, receipt: null };
}
