import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { ErrorCode } from '#protocol';
import type { JobRequest, JobResult } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll } from '../examples.js';
import type { InferenceJob } from './inference-job.js';
import { OneLease, examplePipeline } from './pipeline-harness.js';

describe('a request whose charge somebody follows', () => {
  let world: ExampleWorld;
  let log: MemoryLog;
  let ran: JobRequest[];
  let nodes: () => Promise<JobResult>;

  beforeEach(() => {
    world = new ExampleWorld();
    world.offer(1);
    world.policy(permitAll);
    log = new MemoryLog();
    ran = [];
    nodes = () => Promise.resolve({ status: 200, contentType: 'application/json', body: Buffer.from('{}'), usage: { inputTokens: 7, outputTokens: 0 }, receipt: { bytes: 'AA==', signature: 'AA==' } });
  });

  const pipeline = (issuer = new OneLease()) => examplePipeline(world, log, new ManualClock(), issuer, (request) => (ran.push(request), nodes()));
  const run = (changes: Partial<InferenceJob>) => pipeline().pipeline.run(exampleJob(changes));
  const typesOf = (): string[] => log.records.map(({ type }) => type).sort();
  const expectError = (promise: Promise<unknown>, code: ErrorCode): Promise<unknown> => expect(promise).rejects.toMatchObject({ code });

  it('says that it may be charged before anything is sent, and that it is not once that is recorded', async () => {
    const seen: string[] = [];
    const charging = { begin: async () => void seen.push(`begin ${ran.length}`), free: () => void seen.push('free') };
    await run({ charging });
    expect(seen).toEqual(['begin 0']);
    nodes = () => Promise.reject(failure('ENGINE_REFUSED', 'no', { status: 422 }));
    seen.length = 0;
    ran.length = 0;
    await expectError(run({ charging }), 'ENGINE_REFUSED');
    expect(seen).toEqual(['begin 0', 'free']);
    seen.length = 0;
    ran.length = 0;
    const keep = async (): Promise<void> => void (log.failNext = 2);
    await expectError(run({ charging, keep }), 'RECORD_UNAVAILABLE');
    expect(seen).toEqual(['begin 0']);
  });

  it('sends nothing and keeps no money of a request that another gateway has begun', async () => {
    const { pipeline: same, leases } = pipeline(new OneLease(3_000n));
    await expectError(same.run(exampleJob({ charging: { begin: () => Promise.reject(failure('CONFLICT', 'running')), free: () => undefined } })), 'CONFLICT');
    expect([ran.length, typesOf()]).toEqual([0, []]);
    expect((await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 3_000n)).amountNanos).toBe(3_000n);
  });
});
