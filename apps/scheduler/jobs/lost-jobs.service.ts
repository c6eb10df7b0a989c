import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { Caller } from '#messaging';
import { batchLimits, billingCalls } from '#protocol';
import { withTenant } from '#service';
import { afterLoss } from './after-loss.js';
import type { Books } from './after-loss.js';
import { GatewayWorks } from './gateway-works.service.js';
import type { Job } from './job.js';
import { JobStore } from './jobs.store.js';

const askAgainMs = 2_000;
const atOnceMax = 50;
const lossesMax = 2 * batchLimits.lineAttemptsMax;

/** Jobs whose gateway went silent: the books say what became of their records, and so what happens to them. */
@Injectable()
export class LostJobs {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Caller) private readonly caller: Caller,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(GatewayWorks) private readonly works: GatewayWorks,
  ) {}

  /** One turn. No lock is held while the books are asked: each move names the fence, and holds once. */
  async settle(): Promise<void> {
    const lost = await withTenant(this.dataSource, '*', (manager) => this.jobs.lost(manager, this.clock.nowMs(), atOnceMax));
    await Promise.all(lost.map((job) => this.decide(job)));
  }

  private async decide(job: Job): Promise<void> {
    const held = { job: job.id, fence: job.fence };
    const work = this.works.of(job.kind);
    const books = await this.books(job, work.recordOf(job, job.generation));
    await withTenant(this.dataSource, '*', async (manager) => {
      await work.lock(manager, job.id);
      if (!(await this.jobs.held(manager, held))) return;
      const times = await work.lossTimes(manager, job);
      const nowMs = this.clock.nowMs();
      const next = afterLoss({ ...times, reason: job.reason }, books, nowMs, times);
      // A job that is lost again and again takes its gateways with it.
      const isHopeless = job.losses > lossesMax && (next === 'same-record' || next === 'new-record');
      if (isHopeless) await work.giveUp(manager, held, job, 'line_failed');
      else if (next === 'wait') await this.jobs.putOff(manager, held, nowMs + askAgainMs);
      else if (next === 'give-up') await work.giveUp(manager, held, job, 'answer_lost');
      else await work.putBack(manager, held, job, next === 'new-record' ? { generation: job.generation + 1, record: 'closed' } : { record: nowMs <= times.leaseUntilMs ? 'open' : 'closed' });
    });
  }

  private async books({ tenant }: Job, record: string): Promise<Books> {
    try {
      const { amountNanos, inputTokens, outputTokens } = await this.caller.call(billingCalls.getCharge, { tenant, record });
      return amountNanos === 0n && inputTokens === 0 && outputTokens === 0 ? 'ended-free' : 'charged';
    } catch (error) {
      if (isDomainError(error, 'NOT_FOUND')) return 'unknown';
      return isDomainError(error, 'RECORD_PENDING') ? 'open' : 'silent';
    }
  }
}
