import type { EntityManager } from 'typeorm';
import type { Job } from './job.js';
import type { Held } from './jobs.store.js';

/** When a run that was lost may be repeated under its record, and when the books have closed whatever it left open. */
export interface LossTimes {
  readonly claimedAtMs: number;
  /** What was admitted for the run was admitted by then. */
  readonly leaseUntilMs: number;
  readonly rerunMs: number;
  readonly closedAfterMs: number;
}

/** How a job is queued again. */
export interface PutBack {
  readonly runAfterMs?: number;
  readonly generation?: number;
  /** Its record: `closed` for good; maybe `open`, and the next run has the same; or `untouched` by this run, as earlier ones left it. */
  readonly record: 'closed' | 'open' | 'untouched';
  /** What its run was refused for, if it came back from one. */
  readonly code?: string;
}

/** What one kind of work that gateways run has of its own; the rest is the queue's. */
export interface GatewayWork {
  /** Locks what a job belongs to. Always before the job itself, so that two cannot wait for each other. */
  lock(manager: EntityManager, job: string): Promise<void>;
  recordOf(job: Pick<Job, 'owner' | 'payload'>, generation: number): string;
  lossTimes(manager: EntityManager, job: Job): Promise<LossTimes>;
  /** Queues it again, unless it is not wanted any more. */
  putBack(manager: EntityManager, held: Held, job: Job, more: PutBack): Promise<void>;
  /** Gives it up. `code` says why: of an error, or `answer_lost`, `line_failed`. */
  giveUp(manager: EntityManager, held: Held, job: Job, code: string): Promise<void>;
  /** Its key may not run it any more. */
  revoke(manager: EntityManager, held: Held, job: Job): Promise<void>;
}
