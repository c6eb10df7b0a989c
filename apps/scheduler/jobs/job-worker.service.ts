import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { withTenant } from '#service';
import { FinaliseBatch } from '../batches/finalise-batch.service.js';
import { ValidateBatch } from '../batches/validate-batch.service.js';
import { Repeated } from '../repeated.js';
import { retryDelayMs } from './job.js';
import type { Job } from './job.js';
import { JobStore } from './jobs.store.js';

const everyMs = 500;
/** Renewed three times in its time. */
const leaseMs = 30_000;
/** Large files are read and written by these: two at once on two cores. */
const atOnceMax = 2;

/** Runs the scheduler's own jobs. A job that fails is tried again later; one whose process dies is taken over when its lease ends. */
@Injectable()
export class JobWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(JobWorker.name);
  private readonly turns = new Repeated(JobWorker.name, everyMs, () => this.turn());
  private readonly holder = `scheduler-${process.pid}`;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(ModuleRef) private readonly parts: ModuleRef,
  ) {}

  onApplicationBootstrap(): void {
    this.turns.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.turns.stop();
  }

  wake(): void {
    this.turns.wake();
  }

  private async turn(): Promise<void> {
    const claimed = await withTenant(this.dataSource, '*', (manager) => this.jobs.claim(manager, ['batch.validate', 'batch.finalise'], this.holder, atOnceMax, this.clock.nowMs(), leaseMs));
    await Promise.all(claimed.map((job) => this.run(job)));
    if (claimed.length === atOnceMax) this.turns.wake();
  }

  private async run(job: Job): Promise<void> {
    const held = { job: job.id, fence: job.fence };
    const renewing = setInterval(() => {
      withTenant(this.dataSource, '*', (manager) => this.jobs.renew(manager, [held], this.clock.nowMs() + leaseMs)).catch(() => undefined);
    }, leaseMs / 3);
    try {
      await this.work(job);
    } catch (error) {
      this.logger.error(`${job.kind} of ${job.owner}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      const runAfterMs = this.clock.nowMs() + retryDelayMs(job.attempt, Math.random());
      await withTenant(this.dataSource, '*', (manager) => this.jobs.move(manager, held, 'queued', { runAfterMs }));
    } finally {
      clearInterval(renewing);
    }
  }

  private work(job: Job): Promise<void> {
    switch (job.kind) {
      case 'batch.validate':
        return this.parts.get(ValidateBatch).run(job);
      case 'batch.finalise':
        return this.parts.get(FinaliseBatch).run(job);
      case 'batch.line':
      case 'response.run':
        throw new TypeError('lines and responses are run by gateways');
    }
  }
}
