import { failure, strictest } from '#protocol';
import type { AnswerRules, Endpoint, LimitEntry } from '#protocol';
import type { InferenceJob } from '../request/inference-job.js';
import { AnswerGuard } from './answer-guard.js';
import type { Choice } from './choice.js';
import { jsonAnswer } from './json-answer.js';
import { knownAnswer, knownPictures } from './known-members.js';

/** The rules that bind an answer: those of organisation, project and key together. */
export function rulesOf(job: Pick<InferenceJob, 'tenant' | 'project' | 'keyId'>, limits: { get(id: string): LimitEntry | undefined }): AnswerRules | undefined {
  const bound = [job.tenant.tenant, job.project.id, job.keyId].map((id) => limits.get(id)).filter((limit) => limit?.tenant === job.tenant.tenant);
  return strictest(bound.map((limit) => limit?.answers));
}

/** The same job, its answer read by the rules before anyone gets it. Vectors, judgements and sound say nothing that could be read. */
export function guardedJob(job: InferenceJob, rules: AnswerRules | undefined): InferenceJob {
  const read = readers[job.endpoint];
  if (rules === undefined || read === undefined) return job;
  let last: AnswerGuard | undefined;
  const guard = (): AnswerGuard => (last = new AnswerGuard(rules));
  return {
    ...job,
    adapt: async (answer) => job.adapt(await read(answer, guard())),
    ...(job.streamed === undefined ? {} : { streamed: { outlet: job.streamed.outlet, form: () => job.streamed!.form(guard()) } }),
    answerFindings: () => last?.findings() ?? [],
  };
}

/** How the texts of an answer are read. Error: NODE_PROTOCOL for what is no answer: nothing that cannot be read is given on. */
const readers: Partial<Record<Endpoint, (body: Buffer, guard: AnswerGuard) => Promise<Buffer>>> = {
  'chat.completions': guardedChoices,
  completions: guardedChoices,
  'images.generations': guardedPictures,
  'audio.transcriptions': guardedTranscript,
};

async function guardedChoices(body: Buffer, guard: AnswerGuard): Promise<Buffer> {
  const told = jsonAnswer(body);
  if (!Array.isArray(told['choices'])) throw failure('NODE_PROTOCOL', 'the machine answered without choices');
  const answer = guard.hides ? knownAnswer(told) : told;
  for (const choice of answer['choices'] as (Choice | null)[]) if (choice !== null && typeof choice === 'object') await guard.passWhole(choice);
  return guard.hides ? Buffer.from(JSON.stringify(answer)) : body;
}

/** The prompt as the machine wrote it anew, of each picture. */
async function guardedPictures(body: Buffer, guard: AnswerGuard): Promise<Buffer> {
  const told = jsonAnswer(body);
  const answer = guard.hides ? knownPictures(told) : told;
  const pictures = Array.isArray(answer['data']) ? (answer['data'] as ({ revised_prompt?: unknown } | null)[]) : [];
  for (const [index, picture] of pictures.entries()) {
    if (typeof picture?.revised_prompt === 'string') picture.revised_prompt = await passed(guard, index, picture.revised_prompt);
  }
  return guard.hides ? Buffer.from(JSON.stringify(answer)) : body;
}

/** A transcript as JSON or as text. Where something may be hidden, its segments and words are left out: beside the text, what was taken out could be read in them. */
async function guardedTranscript(body: Buffer, guard: AnswerGuard): Promise<Buffer> {
  const written = body.toString('utf8');
  const answer = /^\s*\{/.test(written) ? jsonAnswer(body) : undefined;
  if (answer === undefined) return Buffer.from(await passed(guard, 0, written));
  if (typeof answer['text'] !== 'string') throw failure('NODE_PROTOCOL', 'the machine answered without a text');
  const text = await passed(guard, 0, answer['text']);
  if (!guard.hides) return body;
  const { duration } = answer;
  return Buffer.from(JSON.stringify({ text, ...(typeof duration === 'number' && { duration }) }));
}

async function passed(guard: AnswerGuard, index: number, text: string): Promise<string> {
  const choice: Choice = { index, text };
  await guard.passWhole(choice);
  return choice.text as string;
}
