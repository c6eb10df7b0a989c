import { Inject, Injectable } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import { JobWorker } from '../jobs/job-worker.service.js';
import { JobStore } from '../jobs/jobs.store.js';
import { LostJobs } from '../jobs/lost-jobs.service.js';
import { Repeated } from '../repeated.js';
import { BatchStore } from './batches.store.js';

const everyMs = 500;
const sweptMax = 500;

/** What time alone brings about: leases run out, batches expire, batches without an open line end. */
@Injectable()
export class BatchClock implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly turns = new Repeated(BatchClock.name, everyMs, () => this.turn());
  private startedAtMs = 0;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(BatchStore) private readonly batches: BatchStore,
    @Inject(LostJobs) private readonly lost: LostJobs,
    @Inject(JobWorker) private readonly worker: JobWorker,
  ) {}

  onApplicationBootstrap(): void {
    this.startedAtMs = this.clock.monotonicMs();
    this.turns.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.turns.stop();
  }

  private async turn(): Promise<void> {
    // A holder could not be heard while nobody listened: leases that ran out meanwhile get one more of their time.
    if (this.clock.monotonicMs() - this.startedAtMs > this.config.SCHEDULER_LINE_LEASE_MS) {
      await withTenant(this.dataSource, '*', (manager) => this.jobs.sweep(manager, this.clock.nowMs(), sweptMax));
    }
    await this.lost.settle();
    await this.expire();
    await this.finalise();
  }

  private async expire(): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => {
      for (const id of await this.batches.overdue(manager, this.clock.nowMs())) {
        await this.batches.setEnding(manager, id, 'expired');
        await this.jobs.drop(manager, id, 'batch.line', 'batch_expired');
      }
    });
  }

  private async finalise(): Promise<void> {
    const begun = await withTenant(this.dataSource, '*', async (manager) => {
      const spent = await this.batches.spent(manager);
      for (const batch of spent) {
        await this.batches.setEnding(manager, batch.id, 'completed');
        if (batch.status === 'in_progress') await this.batches.enter(manager, batch.id, 'finalizing', this.clock.nowMs());
        await this.jobs.enqueue(manager, [{ id: this.ids.uuid(), tenant: batch.tenant, kind: 'batch.finalise', owner: batch.id, payload: {} }], this.clock.nowMs());
      }
      return spent.length;
    });
    if (begun > 0) this.worker.wake();
  }
}
