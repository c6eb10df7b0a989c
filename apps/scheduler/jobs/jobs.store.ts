import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Json } from '#kernel';
import { gatewayKinds, jobStatesBefore } from './job.js';
import type { Job, JobKind, JobState, NewJob } from './job.js';

interface JobRow {
  id: string;
  tenant: string;
  kind: JobKind;
  owner: string;
  payload: Json;
  state: JobState;
  attempt: number;
  losses: number;
  generation: number;
  fence: string;
  lease_until_ms: string;
  claimed_at_ms: string;
  reason: string | null;
}

export interface Held {
  readonly job: string;
  readonly fence: number;
}

/** Rows of one statement: 1,000 × about 200 bytes of payload. */
const enqueuedAtOnce = 1_000;

/** The queue's one table. Every change of a running job names the fence it was claimed under, and says whether it held. */
@Injectable()
export class JobStore {
  /**
   * Adds jobs of one organisation and kind. They are tagged one after the other from where the queue of that kind stands, or from the
   * organisation's own last one in it if that is further: a large backlog of one does not stand before a small one of another, nor before
   * its own jobs of another kind. Known ids are left alone.
   */
  async enqueue(manager: EntityManager, jobs: readonly NewJob[], nowMs: number): Promise<void> {
    for (let at = 0; at < jobs.length; at += enqueuedAtOnce) {
      const some = jobs.slice(at, at + enqueuedAtOnce);
      await manager.query(
        `WITH start AS (
           SELECT GREATEST(scheduler.queue_stands_at($7),
                           COALESCE((SELECT max(tag) FROM scheduler.jobs WHERE state = 'queued' AND tenant = $1 AND kind = $7), 0)) AS tag)
         INSERT INTO scheduler.jobs (id, tenant, kind, owner, payload, state, tag, created_at_ms)
         SELECT j.id, $1, j.kind, j.owner, j.payload, 'queued', start.tag + j.n, $2
         FROM start, unnest($3::uuid[], $4::text[], $5::uuid[], $6::jsonb[]) WITH ORDINALITY AS j (id, kind, owner, payload, n)
         ON CONFLICT (id) DO NOTHING`,
        [some[0]!.tenant, nowMs, some.map(({ id }) => id), some.map(({ kind }) => kind), some.map(({ owner }) => owner), some.map(({ payload }) => JSON.stringify(payload)), some[0]!.kind],
      );
    }
  }

  /** Takes up to `max` jobs that may run now, each under a new fence. */
  async claim(manager: EntityManager, kinds: readonly JobKind[], holder: string, max: number, nowMs: number, leaseMs: number): Promise<Job[]> {
    const rows = await manager.query<JobRow[]>(
      `WITH picked AS (
         SELECT id FROM scheduler.jobs WHERE state = 'queued' AND kind = ANY($1) AND run_after_ms <= $2 ORDER BY tag, id LIMIT $3 FOR UPDATE SKIP LOCKED),
       claimed AS (
         UPDATE scheduler.jobs j SET state = 'running', attempt = attempt + 1, fence = nextval('scheduler.job_fences'), holder = $4, claimed_at_ms = $2, lease_until_ms = $2 + $5
         FROM picked WHERE j.id = picked.id RETURNING j.*)
       SELECT * FROM claimed ORDER BY tag, id`,
      [kinds, nowMs, max, holder, leaseMs],
    );
    return rows.map(fromRow);
  }

  /** Extends leases; answers the jobs that are still held. */
  async renew(manager: EntityManager, held: readonly Held[], untilMs: number): Promise<string[]> {
    const rows = await manager.query<{ id: string }[]>(
      `WITH renewed AS (
         UPDATE scheduler.jobs j SET lease_until_ms = GREATEST(j.lease_until_ms, $3)
         FROM (SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS h (id, fence) ORDER BY id) h
         WHERE j.id = h.id AND j.fence = h.fence AND j.state = 'running' RETURNING j.id)
       SELECT id FROM renewed`,
      [held.map(({ job }) => job), held.map(({ fence }) => fence), untilMs],
    );
    return rows.map(({ id }) => id);
  }

  /** The job if that fence is its last one and it has not ended, locked. A holder that was only silent for a while still has it. */
  async held(manager: EntityManager, { job, fence }: Held): Promise<Job | undefined> {
    return (await manager.query<JobRow[]>(`SELECT * FROM scheduler.jobs WHERE id = $1 AND fence = $2 AND state IN ('running', 'lost') FOR UPDATE`, [job, fence])).map(fromRow)[0];
  }

  async find(manager: EntityManager, id: string): Promise<Job | undefined> {
    return (await manager.query<JobRow[]>('SELECT * FROM scheduler.jobs WHERE id = $1', [id])).map(fromRow)[0];
  }

  /** Ends a job, or puts it back, if it is still where its fence left it. False: somebody else has it. */
  async move(manager: EntityManager, { job, fence }: Held, to: Exclude<JobState, 'running' | 'dropped'>, more: { runAfterMs?: number; generation?: number; reason?: string } = {}): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH moved AS (
         UPDATE scheduler.jobs SET state = $3, losses = losses + ($3::text = 'lost')::int, run_after_ms = COALESCE($4, run_after_ms), generation = COALESCE($5, generation), reason = $6
         WHERE id = $1 AND fence = $2 AND state = ANY($7) RETURNING 1)
       SELECT 1 FROM moved`,
      [job, fence, to, more.runAfterMs ?? null, more.generation ?? null, more.reason ?? null, jobStatesBefore[to]],
    );
    return rows.length > 0;
  }

  /** Names a running job's next record. False: somebody else has it. */
  async setGeneration(manager: EntityManager, { job, fence }: Held, generation: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`WITH named AS (UPDATE scheduler.jobs SET generation = $3 WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING 1) SELECT 1 FROM named`, [job, fence, generation]);
    return rows.length > 0;
  }

  /** Jobs whose holder went silent: those of gateways become lost, the scheduler's own work is queued again. Gives their number. */
  async sweep(manager: EntityManager, nowMs: number, max: number): Promise<number> {
    const rows = await manager.query<unknown[]>(
      `WITH silent AS (SELECT id FROM scheduler.jobs WHERE state = 'running' AND lease_until_ms < $1 ORDER BY lease_until_ms LIMIT $2 FOR UPDATE SKIP LOCKED),
       swept AS (
         UPDATE scheduler.jobs j SET state = CASE WHEN j.kind = ANY($3) THEN 'lost' ELSE 'queued' END, losses = j.losses + 1, run_after_ms = $1
         FROM silent WHERE j.id = silent.id RETURNING 1)
       SELECT 1 FROM swept`,
      [nowMs, max, gatewayKinds],
    );
    return rows.length;
  }

  /** Lost jobs to be looked into. */
  async lost(manager: EntityManager, nowMs: number, max: number): Promise<Job[]> {
    return (await manager.query<JobRow[]>(`SELECT * FROM scheduler.jobs WHERE state = 'lost' AND run_after_ms <= $1 ORDER BY run_after_ms, id LIMIT $2`, [nowMs, max])).map(fromRow);
  }

  async putOff(manager: EntityManager, { job, fence }: Held, untilMs: number): Promise<void> {
    await manager.query(`UPDATE scheduler.jobs SET run_after_ms = $3 WHERE id = $1 AND fence = $2 AND state = 'lost'`, [job, fence, untilMs]);
  }

  /** Drops what waits of an owner's jobs. */
  async drop(manager: EntityManager, owner: string, kind: JobKind, reason: string): Promise<void> {
    await manager.query(`UPDATE scheduler.jobs SET state = 'dropped', reason = $3 WHERE owner = $1 AND kind = $2 AND state = ANY($4)`, [owner, kind, reason, jobStatesBefore.dropped]);
  }

  /** Forgets an owner's jobs of a kind. */
  async forget(manager: EntityManager, owner: string, kind: JobKind): Promise<void> {
    await manager.query('DELETE FROM scheduler.jobs WHERE owner = $1 AND kind = $2', [owner, kind]);
  }
}

function fromRow(row: JobRow): Job {
  return {
    id: row.id,
    tenant: row.tenant,
    kind: row.kind,
    owner: row.owner,
    payload: row.payload,
    state: row.state,
    attempt: row.attempt,
    losses: row.losses,
    generation: row.generation,
    fence: Number(row.fence),
    leaseUntilMs: Number(row.lease_until_ms),
    claimedAtMs: Number(row.claimed_at_ms),
    reason: row.reason,
  };
}
