import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { batchLimits } from '#protocol';
import type { batchCalls, ReplyOf, RequestOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import { BackgroundResponseStore } from '../responses/background-responses.store.js';
import type { GatewayWork } from './gateway-work.js';
import { GatewayWorks } from './gateway-works.service.js';
import { notHeld, retryDelayMs } from './job.js';
import type { Job } from './job.js';
import { JobStore } from './jobs.store.js';
import type { Held } from './jobs.store.js';

type Calls = typeof batchCalls;

/** Jobs that gateways hold: their signs of life, their records, and how they are given back. */
@Injectable()
export class GatewayJobs {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(GatewayWorks) private readonly works: GatewayWorks,
    @Inject(BackgroundResponseStore) private readonly responses: BackgroundResponseStore,
  ) {}

  async renew({ lines }: RequestOf<Calls['renewLines']>): Promise<ReplyOf<Calls['renewLines']>> {
    if (lines.length === 0) return { lost: [], unwanted: [] };
    return withTenant(this.dataSource, '*', async (manager) => {
      const held = new Set(await this.jobs.renew(manager, lines, this.clock.nowMs() + this.config.SCHEDULER_LINE_LEASE_MS));
      return { lost: lines.flatMap(({ job }) => (held.has(job) ? [] : [job])), unwanted: await this.responses.unwanted(manager, [...held]) };
    });
  }

  /** The job names the record under which its work runs: whoever asks the books about it asks about that one. Error: CONFLICT. */
  advance({ job: id, fence, record }: RequestOf<Calls['advanceLine']>): Promise<ReplyOf<Calls['advanceLine']>> {
    const held = { job: id, fence };
    return withTenant(this.dataSource, '*', async (manager) => {
      const job = await this.jobs.held(manager, held);
      if (!job) throw notHeld();
      const recordOf = (generation: number): string => this.works.of(job.kind).recordOf(job, generation);
      if (job.generation > 0 && record === recordOf(job.generation - 1)) return { record: recordOf(job.generation) };
      if (record !== recordOf(job.generation) || !(await this.jobs.setGeneration(manager, held, job.generation + 1))) throw notHeld();
      return { record: recordOf(job.generation + 1) };
    });
  }

  /** See `returnLine` of the protocol. What is not held any more is not given back. */
  async giveBack({ job: id, fence, why, code }: RequestOf<Calls['returnLine']>): Promise<void> {
    const held = { job: id, fence };
    await withTenant(this.dataSource, '*', async (manager) => {
      const work = await this.locked(manager, id);
      const job = work && (await this.jobs.held(manager, held));
      if (job) await this.end(manager, work, held, job, why, code);
    });
  }

  private async locked(manager: EntityManager, id: string): Promise<GatewayWork | undefined> {
    const known = await this.jobs.find(manager, id);
    const work = known && this.works.of(known.kind);
    await work?.lock(manager, id);
    return work;
  }

  private async end(manager: EntityManager, work: GatewayWork, held: Held, job: Job, why: RequestOf<Calls['returnLine']>['why'], code: string): Promise<void> {
    const runAfterMs = this.clock.nowMs() + retryDelayMs(job.attempt, Math.random());
    switch (why) {
      case 'again':
        return work.putBack(manager, held, job, { runAfterMs, record: 'untouched', code });
      case 'ended':
        if (job.generation + 1 >= batchLimits.lineAttemptsMax) return work.giveUp(manager, held, job, code);
        return work.putBack(manager, held, job, { runAfterMs, generation: job.generation + 1, record: 'closed', code });
      case 'unsure':
        return void (await this.jobs.move(manager, held, 'lost', { runAfterMs, reason: 'unsure' }));
      case 'left':
        return void (await this.jobs.move(manager, held, 'lost', { runAfterMs: this.clock.nowMs() }));
      case 'revoked':
        return work.revoke(manager, held, job);
    }
  }
}
