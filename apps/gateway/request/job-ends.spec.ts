import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { CompletedFacts } from '#protocol';
import { Interrupted } from '#wire';
import { exampleJob, uuidOf } from '../examples.js';
import { OneLease } from './pipeline-harness.js';
import { PipelineScene, exampleResult, expectError } from './pipeline-scene-harness.js';

describe('a job that does not end as it began', () => {
  let scene: PipelineScene;
  beforeEach(() => {
    scene = new PipelineScene();
  });

  it('cancels the job and charges nothing when its admission cannot be recorded, which counts as spent until the books know', async () => {
    scene.nodes = (request) =>
      new Promise((_resolve, reject) => {
        // The job is on its way: from here on nothing is acknowledged, twice.
        scene.log.failNext = 2;
        request.signal!.addEventListener('abort', () => reject(request.signal!.reason as Error));
      });
    const { pipeline: same, leases } = scene.pipeline(new OneLease(3_000n));
    await expectError(same.run(exampleJob()), 'RECORD_UNAVAILABLE');
    // It may have arrived, and its machine's receipt may be what the books end it with.
    await expectError(leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 1n), 'BUDGET_EXHAUSTED');
    // The admission may have arrived all the same, so both it and an end without a charge follow as soon as they can.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(scene.log.records.map(({ id, type }) => ({ id, type }))).toEqual([{ id: exampleJob().id, type: 'admitted' }, { id: exampleJob().id, type: 'completed' }]);
    expect(scene.factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'cancelled', chargeNanos: 0n });
  });

  it('counts the hold as spent when its end cannot be recorded: the books may come to another one', async () => {
    const keep = async (): Promise<void> => void (scene.log.failNext = 2);
    const { pipeline: same, leases } = scene.pipeline(new OneLease(3_100n));
    await expectError(same.run(exampleJob({ keep })), 'RECORD_UNAVAILABLE');
    expect((await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 100n)).amountNanos).toBe(100n);
    await expectError(leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 1n), 'BUDGET_EXHAUSTED');
  });

  it('cancels the job when the client goes away, and closes it without a charge', async () => {
    const client = new AbortController();
    scene.nodes = (request) =>
      new Promise((_resolve, reject) => {
        request.signal!.addEventListener('abort', () => reject(request.signal!.reason as Error));
        client.abort(failure('DEADLINE_EXCEEDED', 'the client went away'));
      });
    await expectError(scene.run({ signal: client.signal }), 'DEADLINE_EXCEEDED');
    expect(scene.factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'cancelled', chargeNanos: 0n, attempts: [] });
  });

  it.each([
    ['charges what was made until the client went away', 7, { outcome: 'cancelled', usage: { inputTokens: 7, outputTokens: 0 }, usageSource: 'engine', chargeNanos: 70n, responseHash: 'ab'.repeat(32) }],
    ['does not believe a machine that claims more than the request can hold', 7_000, { outcome: 'cancelled', usageSource: 'none', chargeNanos: 0n, receipt: null }],
  ])('%s', async (_what, inputTokens, expected) => {
    const client = new AbortController();
    const end = { ...exampleResult({ offer: uuidOf(1) }, inputTokens), estimated: false, responseHash: 'ab'.repeat(32) };
    scene.nodes = (request) =>
      new Promise((_resolve, reject) => {
        request.signal!.addEventListener('abort', () => reject(new Interrupted(request.signal!.reason, end)));
        client.abort(failure('DEADLINE_EXCEEDED', 'the client went away'));
      });
    const { pipeline: same, leases } = scene.pipeline(new OneLease(3_000n));
    await expectError(same.run(exampleJob({ signal: client.signal })), 'DEADLINE_EXCEEDED');
    expect(scene.factsOf<CompletedFacts>('completed')).toMatchObject(expected);
    // What is left of the reservation is free again.
    const left = 3_000n - (expected.chargeNanos ?? 0n);
    expect((await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, left)).amountNanos).toBe(left);
  });

  describe('of a job whose caller is not there to take the answer', () => {
    it('has the answer kept after the admission and before the end is recorded', async () => {
      const types: string[][] = [];
      const { pipeline: made } = scene.pipeline();
      const answer = await made.run(exampleJob({ keep: async (kept) => void types.push([kept!.body.toString(), ...scene.log.records.map(({ type }) => type)]) }));
      expect(types).toEqual([[answer.body.toString(), 'admitted']]);
      expect(scene.log.records.map(({ type }) => type)).toEqual(['admitted', 'completed']);
    });

    it('asks before it records a failure, too', async () => {
      scene.nodes = () => Promise.reject(failure('ENGINE_FAILED', 'no'));
      const kept: unknown[] = [];
      await expect(scene.pipeline().pipeline.run(exampleJob({ keep: async (answer) => void kept.push(answer) }))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
      expect(kept).toEqual([undefined]);
    });

    it('counts the tokens of work whose answer cannot be kept', async () => {
      const job = exampleJob({ keep: () => Promise.reject(new Error('somebody else has it')) });
      scene.world.limit('project', job.project.id, { tokensPerMinute: 150 });
      const { pipeline: made } = scene.pipeline();
      await expect(made.run(job)).rejects.toThrow('somebody else has it');
      await expect(made.run(exampleJob())).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    });

    it('records no end when the answer cannot be kept, and counts the hold as spent', async () => {
      const { pipeline: made, leases } = scene.pipeline(new OneLease(3_100n));
      await expect(made.run(exampleJob({ keep: () => Promise.reject(new Error('somebody else has it')) }))).rejects.toThrow('somebody else has it');
      expect(scene.log.records.map(({ type }) => type)).toEqual(['admitted']);
      await expect(leases.hold(uuidOf(1), uuidOf(3), 3_000n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    });
  });
});
