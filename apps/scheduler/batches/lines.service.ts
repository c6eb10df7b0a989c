import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { assert, Clock } from '#kernel';
import { sealUnder } from '#objects';
import { batchEndpoints, failure, limits } from '#protocol';
import type { batchCalls, ReplyOf, RequestOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import { Files } from '../files/files.service.js';
import type { GatewayWork, LossTimes, PutBack } from '../jobs/gateway-work.js';
import { notHeld } from '../jobs/job.js';
import type { Job } from '../jobs/job.js';
import { JobStore } from '../jobs/jobs.store.js';
import type { Held } from '../jobs/jobs.store.js';
import { wholeOf } from '../objects/bounded.js';
import { ContentKeys } from '../objects/content-keys.service.js';
import { Transfers } from '../objects/transfers.js';
import type { LinePayload } from './batch.js';
import { Batches } from './batches.service.js';
import { BatchStore } from './batches.store.js';
import { lineContext, LineAnswerStore } from './line-answers.store.js';
import type { LineAnswer } from './line-answers.store.js';
import { lineRecord } from './line-record.js';

type Calls = typeof batchCalls;

/** An answer in its line of the output: the body, and what is around it. */
const answerBytesMax = limits.responseBytesMax + 4_096;

/** The lines of batches on their way through gateways. */
@Injectable()
export class Lines implements GatewayWork {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(BatchStore) private readonly batchStore: BatchStore,
    @Inject(Batches) private readonly batches: Batches,
    @Inject(LineAnswerStore) private readonly answers: LineAnswerStore,
    @Inject(Files) private readonly files: Files,
    @Inject(ContentKeys) private readonly keys: ContentKeys,
    @Inject(Transfers) private readonly transfers: Transfers,
  ) {}

  async claim({ gateway, max }: RequestOf<Calls['claimLines']>): Promise<ReplyOf<Calls['claimLines']>> {
    const leaseMs = this.config.SCHEDULER_LINE_LEASE_MS;
    const { jobs, batches } = await withTenant(this.dataSource, '*', async (manager) => {
      const jobs = await this.jobs.claim(manager, ['batch.line'], gateway, max, this.clock.nowMs(), leaseMs);
      return { jobs, batches: jobs.length === 0 ? [] : await this.batchStore.findMany(manager, [...new Set(jobs.map(({ owner }) => owner))]) };
    });
    const batchOf = new Map(batches.map((batch) => [batch.id, batch]));
    return {
      leaseMs,
      lines: jobs.map((job) => {
        const batch = batchOf.get(job.owner);
        assert(batch !== undefined && batch.tenant === job.tenant, 'a line belongs to a batch of its organisation');
        const { line } = job.payload as unknown as LinePayload;
        return {
          ...{ job: job.id, fence: job.fence, attempt: job.attempt, batch: batch.id, record: lineRecord(batch.id, line, job.generation) },
          ...{ tenant: batch.tenant, project: batch.project, keyId: batch.keyId, endpoint: batchEndpoints[batch.endpoint], declared: batch.declared },
          url: this.transfers.urlFor({ may: 'run-line', tenant: batch.tenant, id: job.id, fence: job.fence }),
        };
      }),
    };
  }

  /** The bytes of a line that is held. Errors: CONFLICT, NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED. */
  async read(tenant: string, held: Held): Promise<AsyncIterable<Uint8Array>> {
    const { job, batch } = await withTenant(this.dataSource, tenant, async (manager) => {
      const job = await this.jobs.held(manager, held);
      if (!job) throw notHeld();
      return { job, batch: (await this.batchStore.findMany(manager, [job.owner]))[0] };
    });
    assert(batch !== undefined, 'a line belongs to a batch');
    const { offset, bytes } = job.payload as unknown as LinePayload;
    return (await this.files.content(tenant, batch.inputFile, { start: offset, end: offset + bytes })).content;
  }

  /**
   * Keeps a line's answer and ends its job, both or neither. Sent again under the same fence it is the same. Errors: CONFLICT when
   * somebody else has the line by now, REQUEST_INVALID, BODY_TOO_LARGE, SERVICE_UNAVAILABLE.
   */
  async keep(tenant: string, held: Held, good: boolean, source: AsyncIterable<Uint8Array>): Promise<void> {
    const answer = await wholeOf(source, answerBytesMax, 'answer');
    if (answer.length === 0 || answer.includes(0x0a)) throw failure('REQUEST_INVALID', 'an answer is one line');
    const [context, key] = [lineContext(held.job), randomBytes(32)];
    const sealed = { answer: sealUnder(key, context, answer), wrappedKey: await this.keys.wrap(tenant, context, key) };
    await this.keys.committed(withTenant(this.dataSource, tenant, (manager) => this.end(manager, tenant, held, good, sealed)));
  }

  private async end(manager: EntityManager, tenant: string, held: Held, good: boolean, sealed: Pick<LineAnswer, 'answer' | 'wrappedKey'>): Promise<void> {
    const job = await this.jobs.held(manager, held);
    if (!job) {
      const ended = await this.jobs.find(manager, held.job);
      if (ended?.state === 'done' && ended.fence === held.fence) return;
      throw notHeld();
    }
    const { line } = job.payload as unknown as LinePayload;
    await this.answers.insert(manager, { batch: job.owner, line, tenant, job: job.id, good, ...sealed });
    await this.jobs.move(manager, held, 'done');
  }

  /** Nothing of a batch is changed with its lines. */
  lock(): Promise<void> {
    return Promise.resolve();
  }

  recordOf({ owner, payload }: Pick<Job, 'owner' | 'payload'>, generation: number): string {
    return lineRecord(owner, (payload as unknown as LinePayload).line, generation);
  }

  lossTimes(_manager: EntityManager, { claimedAtMs, leaseUntilMs }: Job): Promise<LossTimes> {
    return Promise.resolve({ claimedAtMs, leaseUntilMs, rerunMs: this.config.SCHEDULER_RERUN_MS, closedAfterMs: limits.requestDeadlineMs + limits.admissionGraceMs });
  }

  /** Queues a line again, unless its batch is ending: then it does not wait any more. */
  async putBack(manager: EntityManager, held: Held, { owner: batch }: Job, { runAfterMs, generation }: PutBack): Promise<void> {
    await this.jobs.move(manager, held, 'queued', { ...(runAfterMs !== undefined && { runAfterMs }), ...(generation !== undefined && { generation }) });
    const [known] = await this.batchStore.findMany(manager, [batch]);
    if (known?.ending) await this.jobs.drop(manager, batch, 'batch.line', known.ending === 'expired' ? 'batch_expired' : 'batch_cancelled');
  }

  async giveUp(manager: EntityManager, held: Held, _job: Job, code: string): Promise<void> {
    await this.jobs.move(manager, held, 'dead', { reason: code });
  }

  /** The whole batch ends. */
  async revoke(manager: EntityManager, held: Held, { owner }: Job): Promise<void> {
    await this.jobs.move(manager, held, 'dead', { reason: 'api_key_revoked' });
    if (await this.batches.stop(manager, owner)) {
      await this.batchStore.addProblems(manager, owner, [{ code: 'api_key_revoked', message: 'the API key of this batch may not run it any more: what was not done is not done', param: null, line: null }]);
    }
  }
}
