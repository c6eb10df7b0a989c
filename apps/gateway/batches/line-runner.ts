import type { Clock } from '#kernel';
import type { ClaimedLine } from '#protocol';
import { errorAnswer, isUnexpected } from '../http/openai-error.js';
import { JobLost } from '../jobs/job-queue.js';
import { JobRunner } from '../jobs/job-runner.js';
import type { Asker } from '../jobs/job-runner.js';
import { mayPass, sure, Unsure } from '../jobs/run-ends.js';
import type { ParsedRequest } from '../openai/parsed-request.js';
import type { Replicated } from '../replicated.js';
import { withClass } from '../request/declared-facts.js';
import type { InferenceJob } from '../request/inference-job.js';
import type { RequestPipeline } from '../request/request-pipeline.js';
import type { KeysById } from '../jobs/keys-by-id.js';
import { lineAnswer } from './line-answer.js';
import type { LineQueue } from './line-queue.js';
import { parseLineBody, readLine } from './line-request.js';
import type { LineReaders } from './line-request.js';

/** Runs one line of a batch through the very pipeline that a request takes. */
export class LineRunner extends JobRunner<ClaimedLine> {
  constructor(
    protected override readonly queue: Pick<LineQueue, 'read' | 'keep' | 'assertHeld' | 'nextRecord' | 'giveBack'>,
    keys: Pick<KeysById, 'get'>,
    replicated: Pick<Replicated, 'tenants'>,
    private readonly pipeline: Pick<RequestPipeline, 'run'>,
    private readonly readers: LineReaders,
    clock: Clock,
  ) {
    super(queue, keys, replicated, clock, ['batch.run', 'inference.run']);
  }

  protected async runFor({ key, tenant, project }: Asker, line: ClaimedLine): Promise<void> {
    const bytes = await this.queue.read(line);
    const { customId, body } = readLine(bytes);
    let { record } = line;
    let kept = false;
    const keep = (good: boolean, status: number, told: Buffer): Promise<void> => sure(this.queue.keep(line, good, lineAnswer(record, customId, status, told)));
    const jobOf = ({ classAtLeast, ...parsed }: ParsedRequest): InferenceJob => ({
      ...parsed,
      ...{ id: line.record, keyId: line.keyId, role: key.role, tenant, project, declared: withClass(line.declared, project, classAtLeast), mayBeRecorded: line.attempt > 1 },
      signal: new AbortController().signal,
      keep: async (answer) => {
        if (!answer) return sure(this.queue.assertHeld(line));
        await keep(true, answer.status, answer.body);
        kept = true;
      },
      nextRecord: async () => (record = await sure(this.queue.nextRecord({ ...line, record }))),
    });
    try {
      const answer = await this.pipeline.run(jobOf(await parseLineBody(line, bytes, body, this.readers)));
      // An answer that no machine was asked for comes without being kept.
      if (!kept) await keep(true, answer.status, answer.body);
    } catch (error) {
      // What is kept is answered: that its end could not be recorded yet is made good from the receipt.
      if (kept) return;
      if (error instanceof JobLost || error instanceof Unsure || mayPass(error) || isUnexpected(error)) throw error;
      const { status, body: told } = errorAnswer(error);
      await keep(false, status, Buffer.from(told));
    }
  }
}
