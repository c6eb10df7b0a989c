import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { CompletedFacts } from '#protocol';
import { exampleJob, uuidOf } from '../examples.js';
import { AnswerCache } from './answer-cache.js';
import type { InferenceJob } from './inference-job.js';
import { EndlessLeases } from './pipeline-harness.js';
import { PipelineScene, euOnly, expectError } from './pipeline-scene-harness.js';
import type { RequestPipeline } from './request-pipeline.js';

describe('conformance 42 and 52: kept answers', () => {
  let scene: PipelineScene;
  const { tenant, project } = exampleJob();
  const chat = (body: object): Partial<InferenceJob> => ({ endpoint: 'chat.completions', model: 'chat', body: Buffer.from(JSON.stringify({ model: 'chat', messages: [], ...body })) });
  let same: RequestPipeline;
  let next: number;
  const ask = (changes: Partial<InferenceJob> = {}) => same.run(exampleJob({ id: uuidOf((next += 1)), ...changes }));
  beforeEach(() => {
    scene = new PipelineScene();
    next = 0x2000;
    scene.world.offer(5, { model: 'chat', endpoints: ['chat.completions'] });
    scene.world.limit('project', project.id, { cacheSeconds: 60 });
    same = scene.pipeline(new EndlessLeases()).pipeline;
  });

  it('are given again to the very same request without running or charging, and recorded with where they came from', async () => {
    const first = await ask({ body: Buffer.from('{"model":"embed","input":"hello"}') });
    const again = await ask({ body: Buffer.from('{"input":"hello","model":"embed"}') });
    expect(scene.ran).toHaveLength(1);
    expect(again).toEqual({ ...first, usage: { inputTokens: 0, outputTokens: 0 }, record: uuidOf(next), chargeNanos: 0n, isReused: true });
    expect(scene.log.records.map(({ type }) => type)).toEqual(['admitted', 'completed', 'reused']);
    expect(scene.log.records.at(-1)!.facts).toBeNull();
    expect(scene.log.fields('reused')).toMatchObject({ answerOf: first.record, chargeNanos: '0', decision: 'permit' });
  });

  it('are never given to another organisation, project, key, class, purpose, model or body', async () => {
    const declared = exampleJob().declared;
    const other = { ...tenant, tenant: uuidOf(77), pseudonym: 'cd'.repeat(32) };
    scene.world.policies.put(other.tenant, { ...scene.world.policies.get(tenant.tenant)!, tenant: other.tenant });
    await ask();
    await ask({ tenant: other, project: { ...project } });
    await ask({ project: { ...project, id: uuidOf(78) } });
    await ask({ keyId: uuidOf(79) });
    await ask({ declared: { ...declared, dataClass: 'confidential' } });
    await ask({ declared: { ...declared, purpose: 'other' } });
    await ask({ body: Buffer.from('{"model":"embed","input":"hello "}') });
    scene.world.policy(`${euOnly}\n`, 2);
    scene.world.policies.put(tenant.tenant, { ...scene.world.policies.get(tenant.tenant)!, hash: '34'.repeat(32) });
    await ask();
    expect(scene.ran).toHaveLength(8);
  });

  it('are asked for the policy first, kept for their time, and only where the project wants it', async () => {
    await ask();
    scene.world.policy('@id("none") @reason("Closed.") forbid(principal, action, resource);', 2);
    await expectError(ask(), 'POLICY_DENIED');
    scene.world.policy(euOnly);
    await ask();
    expect(scene.ran).toHaveLength(1);
    scene.clock.ms += 60_000;
    await ask();
    expect(scene.ran).toHaveLength(2);
    scene.world.limits.put(project.id, undefined);
    await ask();
    expect(scene.ran).toHaveLength(3);
  });

  it('of chat are those of temperature 0 that are not streamed', async () => {
    for (const body of [{}, { temperature: 1 }, { temperature: 0, stream: true }]) {
      await ask(chat(body));
      await ask(chat(body));
    }
    expect(scene.ran).toHaveLength(6);
    await ask(chat({ temperature: 0 }));
    await ask(chat({ temperature: 0 }));
    expect(scene.ran).toHaveLength(7);
  });

  it('are given in the form that each request asks for, and recorded by what the machine answered', async () => {
    const asResponse = (answer: Buffer): Buffer => Buffer.from(`response to ${next}: ${answer.toString()}`);
    const plain = await ask(chat({ temperature: 0 }));
    const formed = await ask({ ...chat({ temperature: 0 }), adapt: asResponse });
    expect(scene.ran).toHaveLength(1);
    expect(formed.body.toString()).toBe(`response to ${next}: ${plain.body.toString()}`);
    const { responseHash } = scene.log.records.find(({ type }) => type === 'completed')!.facts as CompletedFacts;
    expect(scene.log.fields('reused')).toMatchObject({ responseHash });
  });

  it('are not given to a request whose form they do not have', async () => {
    await ask(chat({ temperature: 0 }));
    await expectError(ask({ ...chat({ temperature: 0 }), adapt: () => { throw failure('NODE_PROTOCOL', 'no completion'); } }), 'NODE_PROTOCOL');
    expect(scene.log.records.map(({ type }) => type)).toEqual(['admitted', 'completed', 'admitted', 'completed']);
  });

  it('are no older than the project allows now', async () => {
    await ask();
    scene.world.limit('project', project.id, { cacheSeconds: 10 });
    scene.clock.ms += 11_000;
    await ask();
    expect(scene.ran).toHaveLength(2);
  });

  it('take bounded memory, the least recently used one going first', () => {
    const cache = new AnswerCache(scene.clock);
    const answer = (bytes: number) => ({ status: 200, contentType: 'application/json', body: Buffer.alloc(0), engineBody: Buffer.alloc(bytes), record: uuidOf(1) });
    const place = (n: number) => ({ key: `${n}`, keepMs: 1_000 });
    for (let n = 0; n < 100; n += 1) {
      cache.keep(place(n), answer(1024 * 1024));
      cache.get(place(0));
    }
    expect(Array.from({ length: 100 }, (_, n) => cache.get(place(n))).filter((kept) => kept !== undefined)).toHaveLength(63);
    expect(cache.get(place(0))).toBeDefined();
    cache.keep(place(200), answer(1024 * 1024 + 1));
    cache.keep(place(201), { ...answer(1), status: 400 });
    expect([cache.get(place(200)), cache.get(place(201))]).toEqual([undefined, undefined]);
  });
});
