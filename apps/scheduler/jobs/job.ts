import type { Json } from '#kernel';
import { failure } from '#protocol';

/** What the queue knows how to hold; each kind has one kind of worker. */
export const jobKinds = ['batch.validate', 'batch.line', 'batch.finalise', 'response.run'] as const;
export type JobKind = (typeof jobKinds)[number];

/** What gateways run, under a record that the books know of; the scheduler runs the rest itself. */
export const gatewayKinds = ['batch.line', 'response.run'] as const satisfies readonly JobKind[];

/**
 * `lost`: its holder went silent while it may have done something that the books know of; they are asked before it runs again.
 * `done`, `dropped` (not wanted any more) and `dead` (given up, with the reason) are final.
 */
export type JobState = 'queued' | 'running' | 'lost' | 'done' | 'dropped' | 'dead';

/** From which states a job may come into one. */
export const jobStatesBefore: Readonly<Record<JobState, readonly JobState[]>> = {
  queued: ['running', 'lost'],
  running: ['queued'],
  lost: ['running', 'lost'],
  done: ['running', 'lost'],
  dropped: ['queued'],
  dead: ['running', 'queued', 'lost'],
};

export interface NewJob {
  readonly id: string;
  readonly tenant: string;
  readonly kind: JobKind;
  /** What it belongs to: a batch, or a response, whose id the job then has. */
  readonly owner: string;
  /** References, never contents. */
  readonly payload: Json;
}

export interface Job extends NewJob {
  readonly state: JobState;
  /** How often it was claimed. */
  readonly attempt: number;
  /** How often its holder went silent, or could not say what became of it. */
  readonly losses: number;
  /** How often a run of it ended in the books without a charge: names its next record. */
  readonly generation: number;
  readonly fence: number;
  readonly leaseUntilMs: number;
  readonly claimedAtMs: number;
  /** Why it was put back or given up: a code. */
  readonly reason: string | null;
}

/** Waits longer after each attempt, up to half a minute, with a tenth of jitter. */
export function retryDelayMs(attempt: number, random: number): number {
  return Math.round(Math.min(30_000, 500 * 2 ** Math.min(attempt, 10)) * (0.95 + random * 0.1));
}

export const notHeld = (): Error => failure('CONFLICT', 'the job is not held under this fence any more');
