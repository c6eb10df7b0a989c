import { DomainError } from '#kernel';
import type { Clock } from '#kernel';
import { isAllowed } from '#protocol';
import type { ClaimedLine, ErrorCode, KeyEntry, TenantEntry } from '#protocol';
import { errorAnswer, isUnexpected } from '../http/openai-error.js';
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
    private readonly queue: LineQueue,
    private readonly keys: KeysById,
    private readonly replicated: Pick<Replicated, 'tenants'>,
    private readonly pipeline: Pick<RequestPipeline, 'run'>,
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
    const { customId, body } = readLine(await this.queue.read(line));
    let kept = false;
    const job = (): InferenceJob => ({
      ...parseLineBody(line.endpoint, body),
      ...{ id: line.record, keyId: line.keyId, role: key.role, tenant, project, declared: line.declared },
      signal: new AbortController().signal,
      keep: async (answer) => {
        if (!answer) return this.queue.assertHeld(line);
        await this.queue.keep(line, true, lineAnswer(line.record, customId, answer.status, answer.body));
        kept = true;
      },
    });
    try {
      const answer = await this.pipeline.run(job());
      // An answer that no machine was asked for comes without being kept.
      if (!kept) await this.queue.keep(line, true, lineAnswer(line.record, customId, answer.status, answer.body));
    } catch (error) {
      // What is kept is answered: that its end could not be recorded yet is made good from the receipt.
      if (kept) return;
      if (error instanceof LineLost || mayPass(error) || isUnexpected(error)) throw error;
      const { status, body: told } = errorAnswer(error);
      await this.queue.keep(line, false, lineAnswer(line.record, customId, status, Buffer.from(told)));
    }
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
