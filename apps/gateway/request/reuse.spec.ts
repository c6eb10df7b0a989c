import { beforeEach, describe, expect, it } from '@jest/globals';
import type { AdmittedFacts, CompletedFacts } from '#protocol';
import { exampleJob, priceEntry, uuidOf } from '../examples.js';
import type { InferenceJob } from './inference-job.js';
import { EndlessLeases, OneLease } from './pipeline-harness.js';
import type { ExamplePipeline } from './pipeline-harness.js';
import { PipelineScene, expectError } from './pipeline-scene-harness.js';

describe('an answer that is given again at a price', () => {
  let scene: PipelineScene;
  let same: ExamplePipeline;
  let next: number;
  const { project, keyId } = exampleJob();
  const ask = (changes: Partial<InferenceJob> = {}) => same.pipeline.run(exampleJob({ id: uuidOf((next += 1)), ...changes }));
  /** What an answer given again costs on each of the two machines. */
  const asks = (...nanos: (bigint | undefined)[]): void => nanos.forEach((each, at) => scene.world.prices.put(uuidOf(0x101 + at), { ...priceEntry(at + 1, 30_000_000n), ...(each !== undefined && { meters: { cache_hits: each } }) }));
  const facts = (): (AdmittedFacts | CompletedFacts | null)[] => scene.log.records.filter(({ id }) => id === uuidOf(next)).map((record) => record.facts);
  beforeEach(() => {
    scene = new PipelineScene();
    next = 0x2000;
    scene.world.limit('project', project.id, { cacheSeconds: 60 });
    same = scene.pipeline(new EndlessLeases());
    asks(40n, 25n);
  });

  it('costs the least that a permitted machine’s price says, whoever made it, and is in the log as what it is', async () => {
    const first = await ask();
    const again = await ask();
    expect(scene.ran).toHaveLength(1);
    expect(again).toEqual({ ...first, usage: { inputTokens: 0, outputTokens: 0 }, record: uuidOf(next), chargeNanos: 25n, isReused: true });
    expect(scene.log.records.map(({ type }) => type)).toEqual(['admitted', 'completed', 'reused', 'completed']);
    expect(scene.log.fields('reused')).toMatchObject({ answerOf: first.record, chargeNanos: '25', decision: 'permit', priceVersion: priceEntry(2).version });
    expect(scene.log.fields('reused')).not.toHaveProperty('machine');
    expect(facts()).toMatchObject([
      { kind: 'admitted', record: uuidOf(next), holdNanos: 25n, offer: uuidOf(0x102), keyId, model: 'embed' },
      { kind: 'completed', record: uuidOf(next), outcome: 'reused', usage: { inputTokens: 0, outputTokens: 0, meters: { cache_hits: 1 } }, usageSource: 'none', chargeNanos: 25n, receipt: null, attempts: [], closedBy: 'gateway' },
    ]);
  });

  it('costs nothing where one of the machines asks nothing for it', async () => {
    asks(40n, undefined);
    await ask();
    expect(await ask()).toMatchObject({ isReused: true, chargeNanos: 0n });
    expect(facts()).toEqual([null]);
  });

  it('is run instead where a run is cheaper at most, or could be begun again under its record', async () => {
    await ask();
    await ask({ mayBeRecorded: true });
    expect(scene.ran).toHaveLength(2);
    asks(10n ** 9n, 10n ** 9n);
    expect(await ask()).not.toHaveProperty('isReused');
    asks(undefined, undefined);
    expect(await ask({ mayBeRecorded: true })).toMatchObject({ isReused: true });
    expect(scene.ran).toHaveLength(3);
  });

  it('is refused, with a record, where the budget is spent', async () => {
    const job = exampleJob();
    const bound = scene.world.prices.get(uuidOf(0x101))!.inputNanosPerMillion * BigInt(job.bound.inputTokens);
    same = scene.pipeline(new OneLease((bound + 999_999n) / 1_000_000n));
    await ask();
    for (let n = 0; n < 1_000; n += 1) if (await ask().then(() => false, () => true)) break;
    expect(scene.ran).toHaveLength(1);
    await expectError(ask(), 'BUDGET_EXHAUSTED');
    expect(scene.log.records.at(-1)!.type).toBe('refused');
  });

  it('spends of its lease what it costs, once for each', async () => {
    await ask();
    const before = same.leases;
    await Promise.all([ask(), ask(), ask()]);
    const recall = () => before.recall({ tenant: exampleJob().tenant.tenant, budget: uuidOf(0x51) });
    const first = (scene.log.records.find(({ type }) => type === 'completed')!.facts as CompletedFacts).chargeNanos;
    expect(recall().map(({ usedNanosMax }) => usedNanosMax)).toEqual([first + 75n]);
  });

  it('is not given when it cannot be recorded: the money counts as spent, and its end costs nothing', async () => {
    await ask();
    scene.log.failNext = 2;
    await expectError(ask(), 'RECORD_UNAVAILABLE');
    const given = same.leases.recall({ tenant: exampleJob().tenant.tenant, budget: uuidOf(0x51) });
    const first = (scene.log.records.find(({ type }) => type === 'completed')!.facts as CompletedFacts).chargeNanos;
    expect(given.map(({ usedNanosMax }) => usedNanosMax)).toEqual([first + 25n]);
  });

  it('tells whoever could run it again before it is charged', async () => {
    await ask();
    const told: string[] = [];
    await ask({ charging: { begin: () => Promise.resolve(void told.push(`begun before ${scene.log.records.length} records`)), free: () => told.push('free') } });
    expect(told).toEqual(['begun before 2 records']);
  });
});
