import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { batchLimits, failure } from '#protocol';
import type { batchCalls, Batch as BatchOnWire, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { FileStore } from '../files/files.store.js';
import type { Scope } from '../files/files.store.js';
import { JobStore } from '../jobs/jobs.store.js';
import { JobWorker } from '../jobs/job-worker.service.js';
import { batchToWire } from './batch.js';
import type { Batch } from './batch.js';
import { BatchStore } from './batches.store.js';

type Calls = typeof batchCalls;

const noSuchBatch = (id: string): Error => failure('NOT_FOUND', 'there is no such batch', { id });

@Injectable()
export class Batches {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(BatchStore) private readonly batches: BatchStore,
    @Inject(FileStore) private readonly files: FileStore,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(JobWorker) private readonly worker: JobWorker,
  ) {}

  /** The batch and the job that validates it, in one transaction. Errors: NOT_FOUND, REQUEST_INVALID. */
  async create({ tenant, project, keyId, inputFile, endpoint, metadata, declared }: RequestOf<Calls['createBatch']>): Promise<BatchOnWire> {
    const nowMs = this.clock.nowMs();
    const batch: Batch = {
      ...{ id: this.ids.uuid(), tenant, project, keyId, endpoint, inputFile, metadata, declared },
      ...{ outputFile: null, errorFile: null, status: 'validating', ending: null, problems: [], total: 0, completed: 0, failed: 0 },
      ...{ createdAtMs: nowMs, expiresAtMs: nowMs + batchLimits.windowMs, enteredAtMs: { validating: nowMs } },
    };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.requireInput(manager, { tenant, project }, inputFile, nowMs);
      await this.batches.insert(manager, batch);
      await this.jobs.enqueue(manager, [{ id: this.ids.uuid(), tenant, kind: 'batch.validate', owner: batch.id, payload: {} }], nowMs);
    });
    this.worker.wake();
    return batchToWire(batch);
  }

  async get(scope: Scope & { id: string }): Promise<BatchOnWire> {
    const batch = await withTenant(this.dataSource, scope.tenant, (manager) => this.batches.find(manager, scope, scope.id));
    if (!batch) throw noSuchBatch(scope.id);
    return batchToWire(batch);
  }

  async list(request: RequestOf<Calls['listBatches']>): Promise<ReplyOf<Calls['listBatches']>> {
    const page = { after: request.after, limit: request.limit + 1, order: request.order };
    const found = await withTenant(this.dataSource, request.tenant, (manager) => this.batches.page(manager, request, page));
    return { data: found.slice(0, request.limit).map(batchToWire), hasMore: found.length > request.limit };
  }

  /** What runs is finished, what waits is dropped; a batch that is being cancelled stays so. Errors: NOT_FOUND, CONFLICT. */
  async cancel(scope: Scope & { id: string }): Promise<BatchOnWire> {
    await withTenant(this.dataSource, scope.tenant, async (manager) => {
      const batch = await this.batches.find(manager, scope, scope.id);
      if (!batch) throw noSuchBatch(scope.id);
      if (!(await this.stop(manager, batch.id)) && !['cancelling', 'cancelled'].includes(batch.status)) throw failure('CONFLICT', `the batch is ${batch.status} and cannot be cancelled`);
    });
    return this.get(scope);
  }

  /** Begins the end of a batch as cancelled. False when it has ended, or is about to. */
  async stop(manager: EntityManager, id: string): Promise<boolean> {
    if (!(await this.batches.enter(manager, id, 'cancelling', this.clock.nowMs()))) return false;
    await this.batches.setEnding(manager, id, 'cancelled');
    await this.jobs.drop(manager, id, 'batch.line', 'batch_cancelled');
    await this.jobs.drop(manager, id, 'batch.validate', 'batch_cancelled');
    return true;
  }

  private async requireInput(manager: EntityManager, scope: Scope, id: string, nowMs: number): Promise<void> {
    const file = await this.files.shown(manager, scope, id, nowMs);
    if (!file) throw failure('NOT_FOUND', 'there is no such file', { param: 'input_file_id' });
    if (file.purpose !== 'batch') throw failure('REQUEST_INVALID', `the file was uploaded for "${file.purpose}": upload it with purpose "batch"`, { param: 'input_file_id' });
    if (file.bytes! > batchLimits.inputBytesMax) throw failure('REQUEST_INVALID', `the file has ${file.bytes} bytes; a batch may read ${batchLimits.inputBytesMax}`, { param: 'input_file_id' });
  }
}
