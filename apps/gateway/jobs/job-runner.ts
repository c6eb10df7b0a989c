import { DomainError } from '#kernel';
import type { Clock } from '#kernel';
import { isAllowed } from '#protocol';
import type { Action, KeyEntry, TenantEntry } from '#protocol';
import type { KeysById } from './keys-by-id.js';
import type { Replicated } from '../replicated.js';
import { JobLost } from './job-queue.js';
import type { ClaimedJob, JobQueue } from './job-queue.js';
import { Leaving, wayBack } from './run-ends.js';

/** A job of somebody's. */
export interface AskedJob extends ClaimedJob {
  readonly tenant: string;
  readonly project: string;
  readonly keyId: string;
}

/** Whoever asked for a job, as of now. */
export interface Asker {
  readonly key: KeyEntry;
  readonly tenant: TenantEntry;
  readonly project: TenantEntry['projects'][number];
}

/** Runs jobs for whoever asked for them, as long as their key may do what they are. */
export abstract class JobRunner<Job extends AskedJob> {
  protected constructor(
    protected readonly queue: Pick<JobQueue<Job>, 'giveBack'>,
    private readonly keys: Pick<KeysById, 'get'>,
    private readonly replicated: Pick<Replicated, 'tenants'>,
    protected readonly clock: Clock,
    private readonly needs: readonly Action[],
  ) {}

  /** Never throws: the job has its end, is given back, or left to its lease. */
  async run(job: Job, signal: AbortSignal): Promise<void> {
    try {
      const key = this.keys.get(job.keyId, this.clock.nowMs());
      const tenant = this.replicated.tenants.get(job.tenant);
      const project = tenant?.projects.find(({ id }) => id === job.project);
      if (!key || !this.mayRun(key, job)) return await this.queue.giveBack(job, 'revoked', 'API_KEY_INVALID');
      if (!tenant || !project) return await this.queue.giveBack(job, 'again', 'STARTING');
      await this.runFor({ key, tenant, project }, job, signal);
    } catch (error) {
      if (error instanceof JobLost) return;
      if (error instanceof Leaving) return this.queue.giveBack(job, 'left', 'SERVICE_UNAVAILABLE');
      await this.queue.giveBack(job, wayBack(error), error instanceof DomainError ? error.code : 'INTERNAL');
    }
  }

  /** Error: why the job has no end. */
  protected abstract runFor(asker: Asker, job: Job, signal: AbortSignal): Promise<void>;

  private mayRun(key: KeyEntry, { tenant, project }: Job): boolean {
    return key.tenant === tenant && (key.project === null || key.project === project) && this.needs.every((action) => isAllowed(key, action, tenant));
  }
}
