import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { CompletedFacts } from '#protocol';
import { exampleJob, uuidOf } from '../examples.js';
import { EndlessLeases, OneLease } from './pipeline-harness.js';
import { PipelineScene, exampleResult, expectError } from './pipeline-scene-harness.js';

describe('a request whose machine fails', () => {
  let scene: PipelineScene;
  beforeEach(() => {
    scene = new PipelineScene();
  });

  it('moves to the next offer when a machine is gone, and names both attempts', async () => {
    scene.nodes = (request) => (request.offer === uuidOf(0x102) ? Promise.reject(failure('NODE_UNREACHABLE', 'gone', { reason: 'lost' })) : Promise.resolve(exampleResult(request)));
    await scene.run();
    expect(scene.factsOf<CompletedFacts>('completed')).toMatchObject({
      offer: uuidOf(0x101),
      chargeNanos: 210n,
      attempts: [
        { offer: uuidOf(0x102), outcome: 'lost', code: 'NODE_UNREACHABLE' },
        { offer: uuidOf(0x101), outcome: 'ok' },
      ],
    });
  });

  it('moves on when an engine limits its rate, leaves it alone as long as it asks, and does not count it as broken', async () => {
    scene.nodes = (request) => (request.offer === uuidOf(0x102) ? Promise.reject(failure('ENGINE_REFUSED', 'slow down', { status: 429, retryAfterMs: 20_000 })) : Promise.resolve(exampleResult(request)));
    const { pipeline: same } = scene.pipeline(new EndlessLeases());
    for (let n = 0; n < 3; n += 1) await same.run(exampleJob({ id: uuidOf(0x900 + n) }));
    expect(scene.offersRun()).toEqual([uuidOf(0x102), uuidOf(0x101), uuidOf(0x101), uuidOf(0x101)]);
    expect(scene.factsOf<CompletedFacts>('completed').attempts[0]).toMatchObject({ offer: uuidOf(0x102), outcome: 'busy', code: 'ENGINE_REFUSED' });
    scene.clock.ms += 20_000;
    scene.nodes = (request) => Promise.resolve(exampleResult(request));
    await same.run(exampleJob({ id: uuidOf(0x910) }));
    expect(scene.offersRun().at(-1)).toBe(uuidOf(0x102));
  });

  it('conformance 38: makes no more attempts for all tries of clients, machines and models together than one retry budget allows', async () => {
    scene.world.offer(4, { model: 'spare', jurisdiction: 'EU' });
    scene.world.offer(5, { model: 'spare', jurisdiction: 'EU' });
    scene.world.alias('fast', 'embed', 'spare');
    scene.nodes = () => Promise.reject(failure('ENGINE_FAILED', 'broken'));
    const { pipeline: same } = scene.pipeline(new EndlessLeases());
    const clients = 20;
    for (let n = 0; n < clients; n += 1) {
      for (let again = 0; again < 3; again += 1) await same.run(exampleJob({ id: uuidOf(0x2000 + n * 3 + again), model: 'fast', isRepeat: again > 0 })).catch(() => undefined);
    }
    // Sixty tries of clients × two models × two machines would be 240.
    expect(scene.ran.length).toBeLessThanOrEqual(clients * 3 + clients * 0.2 + 10);
    expect(scene.ran.length).toBeGreaterThanOrEqual(clients * 3);
  });

  it('never moves to a machine that was not permitted', async () => {
    scene.nodes = () => Promise.reject(failure('NODE_UNREACHABLE', 'gone'));
    await expectError(scene.run({ texts: ['a@b.org'] }), 'NODE_UNREACHABLE');
    expect(scene.offersRun()).toEqual([uuidOf(0x101)]);
  });

  it('closes a request that nobody could run without a charge, and gives the reservation back', async () => {
    scene.nodes = () => Promise.reject(failure('ENGINE_FAILED', 'http://user:secret@engine broke'));
    const { pipeline: same } = scene.pipeline(new OneLease(3_000n));
    const failed = same.run(exampleJob());
    await expect(failed).rejects.toMatchObject({ code: 'ENGINE_FAILED', message: expect.not.stringContaining('secret') as unknown, details: { record: uuidOf(0x999) } });
    expect(scene.factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'failed', chargeNanos: 0n, usageSource: 'none', receipt: null });
    scene.nodes = (request) => Promise.resolve(exampleResult(request));
    await same.run(exampleJob({ id: uuidOf(0x998) }));
  });

  it("passes the engine's refusal of a wrong request on, tries nowhere else and charges nothing", async () => {
    scene.nodes = () => Promise.reject(failure('ENGINE_REFUSED', 'no', { status: 400, contentType: 'application/json', body: '{"error":{"message":"bad"}}' }));
    await expectError(scene.run(), 'ENGINE_REFUSED');
    expect(scene.ran).toHaveLength(1);
    expect(scene.factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'failed', chargeNanos: 0n });
  });

  it('moves along an alias to the next model, each with a decision and a record of its own', async () => {
    scene.world.offer(3, { model: 'forbidden', jurisdiction: 'US', country: 'US' });
    scene.world.offer(4, { model: 'broken', jurisdiction: 'EU' });
    scene.world.alias('fast', 'missing', 'forbidden', 'broken', 'embed');
    scene.nodes = (request) => (request.model === 'broken' ? Promise.reject(failure('ENGINE_FAILED', 'broken')) : Promise.resolve(exampleResult(request)));
    const answer = await scene.run({ model: 'fast', texts: ['a@b.org'] });
    expect(scene.ran.map(({ model }) => model)).toEqual(['broken', 'embed']);
    const ids = [...new Set(scene.log.records.map(({ id }) => id))];
    expect(ids).toHaveLength(3);
    expect(scene.log.records.map(({ type }) => type)).toEqual(['refused', 'admitted', 'completed', 'admitted', 'completed']);
    const completed = scene.log.records.filter(({ type }) => type === 'completed').map(({ facts }) => facts as CompletedFacts);
    expect(completed.map(({ outcome, chargeNanos }) => [outcome, chargeNanos])).toEqual([['failed', 0n], ['ok', 210n]]);
    expect(completed[1]!.record).toBe(answer.record);
  });

  it('asks whose job it is for the next record, and only once one has ended', async () => {
    scene.world.offer(4, { model: 'broken', jurisdiction: 'EU' });
    scene.world.alias('fast', 'missing', 'broken', 'embed');
    scene.nodes = (request) => (request.model === 'broken' ? Promise.reject(failure('ENGINE_FAILED', 'broken')) : Promise.resolve(exampleResult(request)));
    const asked: string[][] = [];
    const nextRecord = async (): Promise<string> => {
      asked.push(scene.log.records.map(({ type }) => type));
      return uuidOf(0x777);
    };
    const answer = await scene.run({ model: 'fast', nextRecord });
    expect(asked).toEqual([['admitted', 'completed']]);
    expect(answer.record).toBe(uuidOf(0x777));
    expect(scene.ran.map(({ record }) => record)).toEqual([uuidOf(0x999), uuidOf(0x777)]);
  });

  it('asks no other machine once the gateway itself has interrupted the job', async () => {
    scene.nodes = () => Promise.reject(failure('SERVICE_UNAVAILABLE', 'this gateway is stopping'));
    await expectError(scene.run(), 'NODE_UNREACHABLE');
    expect(scene.ran).toHaveLength(1);
  });

  it('tries no other model when the budget is spent or the request is wrong', async () => {
    scene.world.offer(4, { model: 'other' });
    scene.world.alias('fast', 'embed', 'other');
    await expectError(scene.pipeline(new OneLease(1n)).pipeline.run(exampleJob({ model: 'fast' })), 'BUDGET_EXHAUSTED');
    scene.nodes = () => Promise.reject(failure('ENGINE_REFUSED', 'no', { status: 400, contentType: 'application/json', body: '{}' }));
    await expectError(scene.run({ model: 'fast', id: uuidOf(0x998) }), 'ENGINE_REFUSED');
    expect(scene.ran).toHaveLength(1);
  });

  it('says busy when every machine is', async () => {
    scene.nodes = () => Promise.reject(failure('NODE_BUSY', 'full'));
    await expectError(scene.run(), 'NO_CAPACITY');
  });

  it('says so when every permitted machine is down', async () => {
    scene.world.offer(1, { state: 'down' });
    await expectError(scene.run({ texts: ['a@b.org'] }), 'NO_OFFER');
    expect(scene.log.records).toEqual([]);
  });
});
