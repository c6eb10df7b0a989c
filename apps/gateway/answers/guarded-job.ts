import { failure, strictest } from '#protocol';
import type { AnswerRules, LimitEntry } from '#protocol';
import type { InferenceJob } from '../request/inference-job.js';
import { AnswerGuard } from './answer-guard.js';
import type { Choice } from './answer-guard.js';

/** The rules that bind an answer: those of organisation, project and key together. */
export function rulesOf(job: Pick<InferenceJob, 'tenant' | 'project' | 'keyId'>, limits: { get(id: string): LimitEntry | undefined }): AnswerRules | undefined {
  const bound = [job.tenant.tenant, job.project.id, job.keyId].map((id) => limits.get(id)).filter((limit) => limit?.tenant === job.tenant.tenant);
  return strictest(bound.map((limit) => limit?.answers));
}

/** The same job, its answer read by the rules before anyone gets it. Embeddings say nothing that could be read. */
export function guardedJob(job: InferenceJob, rules: AnswerRules | undefined): InferenceJob {
  if (rules === undefined || job.endpoint === 'embeddings') return job;
  let last: AnswerGuard | undefined;
  const guard = (): AnswerGuard => (last = new AnswerGuard(rules));
  return {
    ...job,
    adapt: (answer) => job.adapt(guardedBody(answer, guard())),
    ...(job.streamed === undefined ? {} : { streamed: { outlet: job.streamed.outlet, form: () => job.streamed!.form(guard()) } }),
    answerFindings: () => last?.findings() ?? [],
  };
}

/** Error: NODE_PROTOCOL for what is no answer: nothing that cannot be read is given on. */
function guardedBody(body: Buffer, guard: AnswerGuard): Buffer {
  let answer: { choices?: unknown };
  try {
    answer = JSON.parse(body.toString('utf8')) as typeof answer;
  } catch (cause) {
    throw failure('NODE_PROTOCOL', 'the machine answered something else than JSON', {}, cause);
  }
  if (!Array.isArray(answer?.choices)) throw failure('NODE_PROTOCOL', 'the machine answered without choices');
  for (const choice of answer.choices as (Choice | null)[]) if (choice !== null && typeof choice === 'object') guard.passWhole(choice);
  return guard.findings().some(({ action }) => action !== 'record') ? Buffer.from(JSON.stringify(answer)) : body;
}
