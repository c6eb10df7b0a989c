import { DomainError } from '#kernel';
import type { Clock } from '#kernel';
import { isAllowed } from '#protocol';
import type { ClaimedLine, ErrorCode, KeyEntry, TenantEntry } from '#protocol';
import { errorAnswer, isUnexpected } from '../http/openai-error.js';
import type { ImageInliner } from '../images/inline-images.js';
import type { Replicated } from '../replicated.js';
import type { InferenceJob } from '../request/inference-job.js';
import type { RequestPipeline } from '../request/request-pipeline.js';
import type { KeysById } from './keys-by-id.js';
import { lineAnswer } from './line-answer.js';
import { LineLost } from './line-queue.js';
import type { LineQueue } from './line-queue.js';
import { parseLineBody, readLine } from './line-request.js';

/** Runs one line of a batch through the very pipeline that a request takes. */
export class LineRunner {
  constructor(
    private readonly queue: Pick<LineQueue, 'read' | 'keep' | 'assertHeld' | 'nextRecord' | 'giveBack'>,
    private readonly keys: Pick<KeysById, 'get'>,
    private readonly replicated: Pick<Replicated, 'tenants'>,
    private readonly pipeline: Pick<RequestPipeline, 'run'>,
    private readonly images: Pick<ImageInliner, 'inline'>,
    private readonly clock: Clock,
  ) {}

  /** Never throws: the line is answered, given back, or left to its lease. */
  async run(line: ClaimedLine): Promise<void> {
    try {
      const key = this.keys.get(line.keyId, this.clock.nowMs());
      const tenant = this.replicated.tenants.get(line.tenant);
      const project = tenant?.projects.find(({ id }) => id === line.project);
      if (!key || !mayRun(key, line)) return await this.queue.giveBack(line, 'revoked', 'API_KEY_INVALID');
      if (!tenant || !project) return await this.queue.giveBack(line, 'again', 'STARTING');
      await this.answer(line, key, tenant, project);
    } catch (error) {
      if (error instanceof LineLost) return;
      await this.queue.giveBack(line, wayBack(error), error instanceof DomainError ? error.code : 'INTERNAL');
    }
  }

  private async answer(line: ClaimedLine, key: KeyEntry, tenant: TenantEntry, project: TenantEntry['projects'][number]): Promise<void> {
    const bytes = await this.queue.read(line);
    const { customId, body } = readLine(bytes);
    let { record } = line;
    let kept = false;
    const keep = (good: boolean, status: number, told: Buffer): Promise<void> => sure(this.queue.keep(line, good, lineAnswer(record, customId, status, told)));
    const job = async (): Promise<InferenceJob> => ({
      ...(await parseLineBody(line.endpoint, bytes, body, this.images)),
      ...{ id: line.record, keyId: line.keyId, role: key.role, tenant, project, declared: line.declared, mayBeRecorded: line.attempt > 1 },
      signal: new AbortController().signal,
      keep: async (answer) => {
        if (!answer) return sure(this.queue.assertHeld(line));
        await keep(true, answer.status, answer.body);
        kept = true;
      },
      nextRecord: async () => (record = await sure(this.queue.nextRecord({ ...line, record }))),
    });
    try {
      const answer = await this.pipeline.run(await job());
      // An answer that no machine was asked for comes without being kept.
      if (!kept) await keep(true, answer.status, answer.body);
    } catch (error) {
      // What is kept is answered: that its end could not be recorded yet is made good from the receipt.
      if (kept) return;
      if (error instanceof LineLost || error instanceof Unsure || mayPass(error) || isUnexpected(error)) throw error;
      const { status, body: told } = errorAnswer(error);
      await keep(false, status, Buffer.from(told));
    }
  }
}

/** The scheduler did not take what became of a run: what its record says by now is not known here. */
class Unsure extends Error {
  constructor(cause: unknown) {
    super('the scheduler could not be told what became of the line', { cause });
  }
}

/** Errors: LineLost, Unsure. */
async function sure<T>(told: Promise<T>): Promise<T> {
  try {
    return await told;
  } catch (error) {
    throw error instanceof LineLost ? error : new Unsure(error);
  }
}

const mayRun = (key: KeyEntry, line: ClaimedLine): boolean => key.tenant === line.tenant && (key.project === null || key.project === line.project) && isAllowed(key, 'batch.run', line.tenant) && isAllowed(key, 'inference.run', line.tenant);

/** A busy market, a machine lost, a service away: another time it may work. */
const mayPass = (error: unknown): boolean => error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'limited') && errorAnswer(error).headers['x-should-retry'] !== 'false';

/** Whether the record of a run that failed has ended, was never begun, or is anybody's guess. */
function wayBack(error: unknown): 'again' | 'ended' | 'unsure' {
  if (!(error instanceof DomainError)) return 'unsure';
  if (error.code === ('RECORD_UNAVAILABLE' satisfies ErrorCode)) return 'unsure';
  return typeof error.details['record'] === 'string' ? 'ended' : 'again';
}
