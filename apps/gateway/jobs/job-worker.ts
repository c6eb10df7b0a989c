import { Logger } from '@nestjs/common';
import { isDomainError } from '#kernel';
import { JobLost, Unwanted } from './job-queue.js';
import type { ClaimedJob, JobQueue } from './job-queue.js';

/** How often a gateway with nothing to do asks for jobs, and how long it leaves a scheduler alone that does not answer. */
const idleMs = 1_000;
const awayMs = 5_000;

interface Settings {
  /** What the jobs are, in the log. */
  readonly what: string;
  readonly atOnceMax: number;
  /** How often the scheduler is told that they live, and says which nobody wants; three times in a lease when left out. */
  readonly renewMs?: number;
}

/** Takes jobs of the scheduler's queue as fast as it finishes them, never more at once than it may, and tells the scheduler that they live. */
export class JobWorker<Job extends ClaimedJob> {
  private readonly logger = new Logger(JobWorker.name);
  private readonly running = new Map<Job, { readonly ended: Promise<void>; readonly abort: AbortController }>();
  private wakeUp: (() => void) | undefined;
  private stopped = false;
  private looping: Promise<void> | undefined;
  private renewing: NodeJS.Timeout | undefined;

  /** `run` never throws; its signal says that the job is lost, not wanted any more, or has to be left. */
  constructor(
    private readonly queue: Pick<JobQueue<Job>, 'claim' | 'renew'>,
    private readonly runner: { run(job: Job, signal: AbortSignal): Promise<void> },
    private readonly settings: Settings,
  ) {}

  start(): void {
    if (this.settings.atOnceMax > 0) this.looping = this.loop();
  }

  /** No new jobs; those that run end. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.looping;
    await Promise.all([...this.running.values()].map(({ ended }) => ended));
    clearInterval(this.renewing);
  }

  /** Jobs that run are left to whoever claims them next. */
  leave(reason: Error): void {
    for (const { abort } of this.running.values()) abort.abort(reason);
  }

  /** There is something to claim. */
  wake(): void {
    this.wakeUp?.();
  }

  /** Asks at once which jobs nobody wants any more. */
  async renew(): Promise<void> {
    if (this.running.size === 0) return;
    try {
      const { lost, unwanted } = await this.queue.renew([...this.running.keys()]);
      for (const [{ job }, { abort }] of this.running) {
        if (lost.includes(job)) abort.abort(new JobLost());
        else if (unwanted.includes(job)) abort.abort(new Unwanted());
      }
    } catch {
      // The next one says it.
    }
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      const free = this.settings.atOnceMax - this.running.size;
      const waitMs = free > 0 ? await this.take(free) : idleMs;
      if (waitMs > 0 && !this.stopped) await this.sleep(waitMs);
    }
  }

  /** Claims up to `free` jobs; gives how long to wait before the next look. */
  private async take(free: number): Promise<number> {
    try {
      const { jobs, leaseMs } = await this.queue.claim(free);
      for (const job of jobs) this.begin(job);
      this.renewing ??= setInterval(() => void this.renew(), Math.min(leaseMs / 3, this.settings.renewMs ?? leaseMs)).unref();
      return jobs.length === free ? 0 : idleMs;
    } catch (error) {
      if (!isDomainError(error, 'SERVICE_UNAVAILABLE')) this.logger.warn(`${this.settings.what} cannot be claimed: ${error instanceof Error ? error.message : String(error)}`);
      return awayMs;
    }
  }

  private begin(job: Job): void {
    const abort = new AbortController();
    const ended = this.runner.run(job, abort.signal).finally(() => {
      this.running.delete(job);
      // A queue that gave all that was asked for has more.
      this.wake();
    });
    this.running.set(job, { ended, abort });
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        this.wakeUp = undefined;
        resolve();
      };
    });
  }
}
