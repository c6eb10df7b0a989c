import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { Caller } from '#messaging';
import { batchLimits, billingCalls, limits } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import type { Job } from '../jobs/job.js';
import { JobStore } from '../jobs/jobs.store.js';
import type { LinePayload } from './batch.js';
import { Lines } from './lines.service.js';
import { lineRecord } from './line-record.js';
import { afterLoss } from './after-loss.js';
import type { Books } from './after-loss.js';

const askAgainMs = 2_000;
const atOnceMax = 50;
const lossesMax = 2 * batchLimits.lineAttemptsMax;

/** Lines whose gateway went silent: the books say what became of their records, and so what happens to them. */
@Injectable()
export class LostLines {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Caller) private readonly caller: Caller,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(Lines) private readonly lines: Lines,
  ) {}

  /** One turn. No lock is held while the books are asked: each move names the fence, and holds once. */
  async settle(): Promise<void> {
    const lost = await withTenant(this.dataSource, '*', (manager) => this.jobs.lost(manager, this.clock.nowMs(), atOnceMax));
    await Promise.all(lost.map((job) => this.decide(job)));
  }

  private async decide(job: Job): Promise<void> {
    const held = { job: job.id, fence: job.fence };
    const next = afterLoss(job, await this.books(job), this.clock.nowMs(), { rerunMs: this.config.SCHEDULER_RERUN_MS, closedAfterMs: limits.requestDeadlineMs + limits.admissionGraceMs });
    // A line that is lost again and again takes its gateways with it.
    const isHopeless = job.losses > lossesMax && (next === 'same-record' || next === 'new-record');
    await withTenant(this.dataSource, '*', async (manager) => {
      if (isHopeless) await this.jobs.move(manager, held, 'dead', { reason: 'line_failed' });
      else if (next === 'wait') await this.jobs.putOff(manager, held, this.clock.nowMs() + askAgainMs);
      else if (next === 'give-up') await this.jobs.move(manager, held, 'dead', { reason: 'answer_lost' });
      else await this.lines.putBack(manager, held, job.owner, next === 'new-record' ? { generation: job.generation + 1 } : {});
    });
  }

  private async books({ tenant, owner, payload, generation }: Job): Promise<Books> {
    const record = lineRecord(owner, (payload as unknown as LinePayload).line, generation);
    try {
      const { amountNanos, inputTokens, outputTokens } = await this.caller.call(billingCalls.getCharge, { tenant, record });
      return amountNanos === 0n && inputTokens === 0 && outputTokens === 0 ? 'ended-free' : 'charged';
    } catch (error) {
      if (isDomainError(error, 'NOT_FOUND')) return 'unknown';
      return isDomainError(error, 'RECORD_PENDING') ? 'open' : 'silent';
    }
  }
}
