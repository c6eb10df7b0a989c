import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { AdmittedFacts, ErrorCode } from '#protocol';
import type { JobRequest } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll } from '../examples.js';
import type { InferenceJob } from './inference-job.js';
import { OneLease, examplePipeline } from './pipeline-harness.js';

describe('a request that refers to something elsewhere', () => {
  let world: ExampleWorld;
  let log: MemoryLog;
  let ran: JobRequest[];
  let fetched: number;

  beforeEach(() => {
    world = new ExampleWorld();
    world.offer(1);
    world.policy(permitAll);
    log = new MemoryLog();
    ran = [];
    fetched = 0;
  });

  const whole = Buffer.from('{"model":"m","input":"with all that it refers to"}');
  const complete = async (): Promise<Buffer> => ((fetched += 1), whole);
  const pipeline = (issuer = new OneLease(), clock = new ManualClock()) =>
    examplePipeline(world, log, clock, issuer, async (request) => {
      ran.push(request);
      return { status: 200, contentType: 'application/json', body: Buffer.from('{}'), usage: { inputTokens: 7, outputTokens: 0 }, receipt: { bytes: 'AA==', signature: 'AA==' } };
    });
  const job = (changes: Partial<InferenceJob> = {}) => exampleJob({ complete, ...changes });
  const expectError = (promise: Promise<unknown>, code: ErrorCode): Promise<unknown> => expect(promise).rejects.toMatchObject({ code });
  const left = async (leases: ReturnType<typeof pipeline>['leases'], nanos: bigint): Promise<bigint> => (await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, nanos)).amountNanos;

  it('is fetched for when its money is held, and what was fetched is what is sent and hashed', async () => {
    await pipeline().pipeline.run(job());
    expect([fetched, ran.map(({ body }) => body.toString())]).toEqual([1, [whole.toString()]]);
    expect(log.records.find(({ type }) => type === 'admitted')!.facts as AdmittedFacts).toMatchObject({ requestHash: createHash('sha256').update(whole).digest('hex') });
  });

  it('is not fetched for to tell a price, nor when policy, a limit or the budget says no', async () => {
    expect(await pipeline().pipeline.quote(job())).toBeGreaterThan(0n);
    await expectError(pipeline(new OneLease(1n)).pipeline.run(job()), 'BUDGET_EXHAUSTED');
    world.policy(`${permitAll} forbid(principal, action, resource);`);
    await expectError(pipeline().pipeline.run(job()), 'POLICY_DENIED');
    world.policy(permitAll);
    world.limit('project', exampleJob().project.id, { tokensPerMinute: 1 });
    await expectError(pipeline().pipeline.run(job()), 'TOKENS_OVER_LIMIT');
    expect([fetched, ran.length]).toEqual([0, 0]);
  });

  it('gives its money back when that cannot be fetched, and asks no machine', async () => {
    const { pipeline: same, leases } = pipeline(new OneLease(5_000n));
    await expectError(same.run(job({ complete: () => Promise.reject(failure('URL_REFUSED', 'its server could not be reached')) })), 'URL_REFUSED');
    expect([ran.length, await left(leases, 5_000n)]).toEqual([0, 5_000n]);
  });

  it('is not waited for beyond its deadline, or when its client has gone', async () => {
    const never = (_body: Buffer, _tenant: string, signal: AbortSignal): Promise<Buffer> =>
      new Promise((_resolve, reject) => {
        const leave = (): void => reject(signal.reason as Error);
        if (signal.aborted) leave();
        else signal.addEventListener('abort', leave);
      });
    await expect(pipeline().pipeline.run(job({ complete: never, untilMs: new ManualClock().nowMs() + 5 }))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', message: expect.stringContaining('not here in time') as unknown as string });
    const client = new AbortController();
    const running = pipeline().pipeline.run(job({ complete: (...asked) => (client.abort(failure('DEADLINE_EXCEEDED', 'the client went away')), never(...asked)), signal: client.signal }));
    await expect(running).rejects.toMatchObject({ message: 'the client went away' });
  });

  it('is answered from no cache: a URL is not what it leads to', async () => {
    world.limit('project', exampleJob().project.id, { cacheSeconds: 60 });
    const { pipeline: same } = pipeline();
    for (let times = 0; times < 2; times += 1) await same.run(job());
    expect([fetched, ran.length]).toEqual([2, 2]);
  });
});
