import { setTimeout as pause } from 'node:timers/promises';
import { DomainError, isDomainError } from '#kernel';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { batchCalls, failure } from '#protocol';
import type { RequestOf } from '#protocol';
import { fetchContent } from '../http/internal-transfer.js';
import type { What } from '../http/internal-transfer.js';

/** What is there is not given up lightly: the work is done. Longer than a scheduler takes to start. */
const keepMs = 120_000;
const keepAgainMs = 500;

type Why = RequestOf<typeof batchCalls.returnLine>['why'];

/** A job that this gateway holds. Whoever holds a newer fence has it instead. */
export interface ClaimedJob {
  readonly job: string;
  readonly fence: number;
  readonly record: string;
  readonly url: string;
}

/** Where a gateway gets jobs to run, and leaves what became of them. */
export abstract class JobQueue<Job extends ClaimedJob> {
  protected constructor(
    protected readonly caller: Caller,
    protected readonly gateway: string,
    protected readonly clock: Clock,
    private readonly what: What,
  ) {}

  abstract claim(max: number): Promise<{ jobs: Job[]; leaseMs: number }>;

  /** Those that are somebody else's by now, and those that nobody wants any more. */
  renew(jobs: readonly Pick<ClaimedJob, 'job' | 'fence'>[]): Promise<{ lost: string[]; unwanted: string[] }> {
    return this.caller.call(batchCalls.renewLines, { lines: jobs.map(({ job, fence }) => ({ job, fence })) });
  }

  /** Error: JobLost when somebody else has it. */
  async assertHeld({ job, fence }: Pick<ClaimedJob, 'job' | 'fence'>): Promise<void> {
    await this.persist(async () => {
      const { lost } = await this.renew([{ job, fence }]);
      if (lost.length > 0) throw new JobLost();
    });
  }

  /** The record of what is run next, now that the one before has ended without a charge. Error: JobLost. */
  nextRecord({ job, fence, record }: Pick<ClaimedJob, 'job' | 'fence' | 'record'>): Promise<string> {
    return this.persist(async () => (await this.caller.call(batchCalls.advanceLine, { job, fence, record })).record);
  }

  /** Errors: SERVICE_UNAVAILABLE, CONFLICT, NOT_FOUND. */
  async read({ url }: Pick<ClaimedJob, 'url'>): Promise<Buffer> {
    const { body } = await fetchContent(url, this.what);
    try {
      return Buffer.concat(await body.toArray());
    } catch (error) {
      throw failure('SERVICE_UNAVAILABLE', 'the job broke off on its way', {}, error);
    }
  }

  /** Best effort: a job that is not given back is taken back when its lease ends. */
  async giveBack({ job, fence }: Pick<ClaimedJob, 'job' | 'fence'>, why: Why, code: string): Promise<void> {
    await this.caller.call(batchCalls.returnLine, { job, fence, why, code }).catch(() => undefined);
  }

  /** Tries again for as long as the scheduler is away. */
  protected async persist<T>(work: () => Promise<T>): Promise<T> {
    const endMs = this.clock.monotonicMs() + keepMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (isDomainError(error, 'CONFLICT') || isDomainError(error, 'NOT_FOUND')) throw new JobLost();
        const mayPass = error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'internal');
        if (!mayPass || this.clock.monotonicMs() >= endMs) throw error;
        await pause(keepAgainMs);
      }
    }
  }
}

/** Somebody else has the job by now: what this run did is not its own to record. */
export class JobLost extends Error {
  constructor() {
    super('the job is held by another run');
  }
}

/** Nobody waits for what the job would make. */
export class Unwanted extends Error {
  constructor() {
    super('the job is not wanted any more');
  }
}
