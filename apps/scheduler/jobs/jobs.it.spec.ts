import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { uuidv7 } from '#kernel';
import { migrate, withTenant } from '#service';
import { createTestDatabase } from '#testing';
import type { TestDatabase } from '#testing';
import { scheduler } from '../scheduler.service-definition.js';
import type { NewJob } from './job.js';
import { JobStore } from './jobs.store.js';
import type { Held } from './jobs.store.js';

const leaseMs = 1_000;
const idOf = (n: number): string => uuidv7(1_767_225_600_000 + n, new Uint8Array(10).fill(n));
const [one, two] = [idOf(1), idOf(2)];

describe('the durable queue', () => {
  let database: TestDatabase;
  /** Two processes, as far as the database can tell. */
  let workers: [DataSource, DataSource];
  const store = new JobStore();
  let nowMs: number;
  let next = 1_000;

  const jobsOf = (tenant: string, count: number, kind: NewJob['kind'] = 'batch.line'): NewJob[] => Array.from({ length: count }, () => ({ id: idOf((next += 1)), tenant, kind, owner: tenant, payload: { line: next } }));
  const enqueue = (jobs: NewJob[]) => withTenant(workers[0], jobs[0]!.tenant, (manager) => store.enqueue(manager, jobs, nowMs));
  const claim = (worker: 0 | 1, max: number) => withTenant(workers[worker], '*', (manager) => store.claim(manager, ['batch.line'], `worker-${worker}`, max, nowMs, leaseMs));
  const move = (held: Held, to: Parameters<JobStore['move']>[2], more = {}) => withTenant(workers[0], '*', (manager) => store.move(manager, held, to, more));
  const sweep = () => withTenant(workers[1], '*', (manager) => store.sweep(manager, nowMs, 100));
  const stateOf = async (id: string) => (await withTenant(workers[0], '*', (manager) => store.find(manager, id)))?.state;
  const heldOf = ({ id, fence }: { id: string; fence: number }): Held => ({ job: id, fence });

  beforeAll(async () => {
    database = await createTestDatabase({ service: 'scheduler' });
    await migrate(scheduler, database.ownerUrl);
    const open = () => new DataSource({ type: 'postgres', url: database.url, poolSize: 4, entities: [] }).initialize();
    workers = [await open(), await open()];
  });
  afterAll(async () => {
    for (const worker of workers ?? []) await worker.destroy();
    await database.drop();
  });
  beforeEach(async () => {
    nowMs = 1_800_000_000_000;
    await withTenant(workers[0], '*', (manager) => manager.query('DELETE FROM scheduler.jobs'));
  });

  it('gives each job to one of two workers that claim at the same time', async () => {
    const jobs = jobsOf(one, 60);
    await enqueue(jobs);
    const claimed = (await Promise.all([0, 1, 0, 1, 0, 1].map((worker) => claim(worker as 0 | 1, 10)))).flat();
    expect(claimed.map(({ id }) => id).sort()).toEqual(jobs.map(({ id }) => id).sort());
    expect(new Set(claimed.map(({ fence }) => fence)).size).toBe(60);
  });

  it('takes the same jobs twice for once', async () => {
    const jobs = jobsOf(one, 3);
    await enqueue(jobs);
    await enqueue(jobs);
    expect(await claim(0, 10)).toHaveLength(3);
  });

  it('does not let a large backlog of one organisation stand before a small one of another', async () => {
    await enqueue(jobsOf(one, 1_500));
    await claim(0, 20);
    const small = jobsOf(two, 5);
    await enqueue(small);
    const claimed = await claim(0, 20);
    expect(claimed.filter(({ tenant }) => tenant === two)).toHaveLength(5);
  });

  it('does not let an organisation that always comes anew stand before one that waits', async () => {
    const waiting = jobsOf(one, 10);
    await enqueue(waiting);
    await claim(0, 4);
    for (const { id } of waiting.slice(4, 6)) {
      await enqueue(jobsOf(two, 1));
      expect((await claim(0, 1))[0]!.id).toBe(id);
    }
  });

  it('does not let an organisation’s backlog of one kind stand before its jobs of another', async () => {
    const claimed = () => withTenant(workers[0], '*', (manager) => store.claim(manager, ['response.run'], 'worker', 1, nowMs, leaseMs));
    await enqueue(jobsOf(one, 50));
    const [mine, theirs] = [jobsOf(one, 1, 'response.run'), jobsOf(two, 2, 'response.run')];
    await enqueue(theirs);
    await enqueue(mine);
    expect([(await claimed())[0]!.id, (await claimed())[0]!.id]).toEqual([theirs[0]!.id, mine[0]!.id]);
  });

  it('killed while queued: the job is there; while running: it comes back when the lease is over, under a new fence; when done: never', async () => {
    await enqueue(jobsOf(one, 1));
    const [first] = await claim(0, 1);
    nowMs += leaseMs;
    expect(await sweep()).toBe(0);
    nowMs += 1;
    expect(await sweep()).toBe(1);
    expect(await stateOf(first!.id)).toBe('lost');
    expect(await claim(1, 1)).toEqual([]);
    expect(await move(heldOf(first!), 'queued')).toBe(true);
    const [second] = await claim(1, 1);
    expect(second!.id).toBe(first!.id);
    expect(second!.fence).toBeGreaterThan(first!.fence);
    expect(await move(heldOf(second!), 'done')).toBe(true);
    nowMs += 100 * leaseMs;
    expect([await sweep(), (await claim(0, 10)).length]).toEqual([0, 0]);
  });

  it('lets nobody end a job under a fence that is not the last', async () => {
    await enqueue(jobsOf(one, 1));
    const [first] = await claim(0, 1);
    await move(heldOf(first!), 'queued');
    const [second] = await claim(1, 1);
    for (const to of ['done', 'queued', 'lost', 'dead'] as const) expect(await move(heldOf(first!), to)).toBe(false);
    expect(await withTenant(workers[0], '*', (manager) => store.renew(manager, [heldOf(first!), heldOf(second!)], nowMs + 5_000))).toEqual([second!.id]);
    expect(await move(heldOf(second!), 'done')).toBe(true);
    expect(await move(heldOf(second!), 'done')).toBe(false);
  });

  it('keeps a job with a holder that gives signs of life, and one that was only silent for a while', async () => {
    await enqueue(jobsOf(one, 2));
    const [alive, silent] = await claim(0, 2);
    nowMs += leaseMs - 1;
    await withTenant(workers[0], '*', (manager) => store.renew(manager, [heldOf(alive!)], nowMs + leaseMs));
    nowMs += 2;
    expect(await sweep()).toBe(1);
    expect([await stateOf(alive!.id), await stateOf(silent!.id)]).toEqual(['running', 'lost']);
    expect(await withTenant(workers[0], '*', async (manager) => (await store.held(manager, heldOf(silent!)))?.id)).toBe(silent!.id);
    expect(await move(heldOf(silent!), 'done')).toBe(true);
  });

  it('queues the scheduler’s own work again at once when its process is gone', async () => {
    const [job] = jobsOf(one, 1, 'batch.finalise');
    await enqueue([job!]);
    const take = () => withTenant(workers[0], '*', (manager) => store.claim(manager, ['batch.finalise'], 'a', 1, nowMs, leaseMs));
    expect(await take()).toHaveLength(1);
    nowMs += leaseMs + 1;
    await sweep();
    expect(await take()).toHaveLength(1);
  });

  it('leaves a transaction that breaks off without a trace', async () => {
    await enqueue(jobsOf(one, 1));
    const [job] = await claim(0, 1);
    await expect(
      withTenant(workers[0], '*', async (manager) => {
        await store.move(manager, heldOf(job!), 'done');
        throw new Error('killed before the commit');
      }),
    ).rejects.toThrow('killed');
    expect(await stateOf(job!.id)).toBe('running');
  });

  it('waits with a job that is not to run yet', async () => {
    await enqueue(jobsOf(one, 1));
    const [job] = await claim(0, 1);
    await move(heldOf(job!), 'queued', { runAfterMs: nowMs + 500 });
    expect(await claim(0, 1)).toEqual([]);
    nowMs += 500;
    expect(await claim(0, 1)).toHaveLength(1);
  });

  it('shows an organisation its own rows only, the owner of the tables included', async () => {
    await enqueue(jobsOf(one, 2));
    const seen = (source: DataSource, tenant: string) => withTenant(source, tenant, async (manager) => (await manager.query<unknown[]>('SELECT 1 FROM scheduler.jobs')).length);
    expect([await seen(workers[0], one), await seen(workers[0], two), await seen(workers[0], '')]).toEqual([2, 0, 0]);
    const owner = await new DataSource({ type: 'postgres', url: database.ownerUrl, entities: [] }).initialize();
    expect(await seen(owner, two)).toBe(0);
    await owner.destroy();
    for (const table of ['jobs', 'files', 'batches', 'line_answers', 'background_responses', 'response_events']) {
      const [row] = await workers[0].query<{ forced: boolean }[]>(`SELECT relrowsecurity AND relforcerowsecurity AS forced FROM pg_class WHERE oid = $1::regclass`, [`scheduler.${table}`]);
      expect([table, row!.forced]).toEqual([table, true]);
    }
    await expect(withTenant(workers[0], one, (manager) => store.enqueue(manager, jobsOf(two, 1), nowMs))).rejects.toThrow(/row-level security/);
  });
});
