import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import type { CompletedFacts } from '#protocol';
import type { JobRequest, JobResult } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll, uuidOf } from '../examples.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import { EndlessLeases, examplePipeline } from './pipeline-harness.js';
import type { RequestPipeline } from './request-pipeline.js';
import { SemanticCache, cosine } from './semantic-cache.js';

/** What the engine thinks of questions: two about the weather are similar, the third is not. */
const meanings: Record<string, number[]> = { 'How is the weather?': [1, 0.1, 0], 'What is the weather like?': [1, 0.2, 0], 'Who wrote Faust?': [0, 0.1, 1] };
const [weather, again, faust] = Object.keys(meanings) as [string, string, string];

describe('conformance 42: answers found by meaning', () => {
  const { tenant, project, declared } = exampleJob();
  let world: ExampleWorld;
  let log: MemoryLog;
  let clock: ManualClock;
  let ran: JobRequest[];
  let next: number;
  let pipeline: RequestPipeline;
  let embedder: () => void;

  beforeEach(() => {
    world = new ExampleWorld();
    world.offer(1, { model: 'embed' });
    world.offer(2, { model: 'chat', endpoints: ['chat.completions'] });
    world.offer(3, { model: 'other', endpoints: ['chat.completions'] });
    world.policy(permitAll);
    world.limit('project', project.id, { semanticCache: { model: 'embed', minSimilarity: 0.95, seconds: 60 } });
    [log, clock, ran, next] = [new MemoryLog(), new ManualClock(), [], 0x3000];
    embedder = () => undefined;
    pipeline = examplePipeline(world, log, clock, new EndlessLeases(), async (request): Promise<JobResult> => {
      ran.push(request);
      const asked = JSON.parse(request.body.toString()) as { input: string };
      if (request.endpoint === 'embeddings') embedder();
      const answer = request.endpoint === 'embeddings' ? { data: [{ embedding: meanings[asked.input] ?? [1, 1, 1] }] } : { id: `answer ${ran.length}` };
      return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 7, outputTokens: 0 }, receipt: { bytes: 'AA==', signature: 'AA==' } };
    }).pipeline;
  });

  const ask = (content: unknown, changes: Partial<InferenceJob> = {}, body: object = {}): Promise<InferenceAnswer> => {
    const model = changes.model ?? 'chat';
    const messages = [{ role: 'system', content: 'Be brief.' }, { role: 'user', content }];
    return pipeline.run(exampleJob({ id: uuidOf((next += 0x10)), endpoint: 'chat.completions', model, body: Buffer.from(JSON.stringify({ model, messages, ...body })), texts: ['Be brief.', String(content)], ...changes }));
  };
  const chats = (): number => ran.filter(({ endpoint }) => endpoint === 'chat.completions').length;

  it('are given for a similar question, recorded with the similarity, while the embeddings are requests of their own that are charged', async () => {
    const first = await ask(weather);
    const second = await ask(again);
    expect(chats()).toBe(1);
    expect(second).toMatchObject({ body: first.body, isReused: true, record: uuidOf(next) });
    expect(second.similarity).toBeCloseTo(0.995, 2);
    expect(log.fields('reused')).toMatchObject({ answerOf: first.record, chargeNanos: '0', similarity: 0.9952, questionEmbedding: expect.any(String) as unknown });
    const charged = log.records.filter(({ type }) => type === 'completed').map(({ facts }) => facts as CompletedFacts);
    expect(charged.map(({ offer, chargeNanos }) => [offer, chargeNanos])).toEqual([[uuidOf(0x101), 140n], [uuidOf(0x102), 140n], [uuidOf(0x101), 140n]]);
    expect(new Set(log.records.filter(({ type }) => type === 'admitted').map(({ id }) => id)).size).toBe(3);
  });

  it('are not given for a question of another meaning', async () => {
    await ask(weather);
    await ask(faust);
    expect(chats()).toBe(2);
  });

  it('are never given to another organisation, project, key, class, purpose, policy, model, nor after another conversation', async () => {
    const other = { ...tenant, tenant: uuidOf(77), pseudonym: 'cd'.repeat(32) };
    world.policies.put(other.tenant, { ...world.policies.get(tenant.tenant)!, tenant: other.tenant });
    world.limits.put(uuidOf(78), { ...world.limits.get(project.id)!, subject: uuidOf(78) });
    await ask(weather);
    await ask(again, { tenant: other });
    await ask(again, { project: { ...project, id: uuidOf(78) } });
    await ask(again, { keyId: uuidOf(79) });
    await ask(again, { declared: { ...declared, dataClass: 'confidential' } });
    await ask(again, { declared: { ...declared, purpose: 'other' } });
    await ask(again, { model: 'other' });
    await ask(again, {}, { messages: [{ role: 'system', content: 'Be long.' }, { role: 'user', content: again }] });
    await ask(again, {}, { max_tokens: 9 });
    world.policies.put(tenant.tenant, { ...world.policies.get(tenant.tenant)!, hash: '34'.repeat(32) });
    await ask(again);
    expect(chats()).toBe(10);
  });

  it('are neither kept nor looked for where people are named, variety is wanted, or more than text is asked', async () => {
    for (let time = 0; time < 2; time += 1) {
      await ask('Write to a@b.org');
      await ask(weather, {}, { temperature: 1 });
      await ask(weather, {}, { n: 2 });
      await ask([{ type: 'text', text: weather }]);
    }
    expect(ran.map(({ endpoint }) => endpoint)).toEqual(Array.from({ length: 8 }, () => 'chat.completions'));
  });

  it('are as old as the project allows at most, and only for a project that asked for them', async () => {
    await ask(weather);
    clock.ms += 60_000;
    await ask(again);
    expect(chats()).toBe(2);
    world.limits.put(project.id, undefined);
    ran = [];
    await ask(again);
    expect(ran.map(({ endpoint }) => endpoint)).toEqual(['chat.completions']);
  });

  it('ask the policy first, for the question too, and are done without where it may not be embedded or cannot be', async () => {
    await ask(weather);
    world.policy(`${permitAll} @id("no-embeddings") @reason("Not here.") forbid(principal, action, resource) when { context.endpoint == "embeddings" };`, 2);
    await ask(again);
    expect(chats()).toBe(2);
    world.policy(permitAll, 3);
    embedder = () => {
      throw failure('ENGINE_FAILED', 'broken');
    };
    await ask(again);
    expect(chats()).toBe(3);
    world.policy('@id("none") @reason("Closed.") forbid(principal, action, resource);', 4);
    await expect(ask(again)).rejects.toMatchObject({ code: 'POLICY_DENIED' });
  });
});

describe('what is kept by meaning', () => {
  it('is bounded, for one place and for all, and the longest unused goes first', () => {
    const cache = new SemanticCache(new ManualClock());
    const answer = (bytes: number): InferenceAnswer => ({ status: 200, contentType: 'application/json', body: Buffer.alloc(0), engineBody: Buffer.alloc(bytes), record: 'r' });
    const place = (key: string) => ({ key, question: 'q', setting: { model: 'm', minSimilarity: 0.99, seconds: 60 } });
    /** Each is similar to itself alone. */
    const axis = (n: number): Float32Array => Float32Array.from({ length: 300 }, (_, index) => (index === n ? 1 : 0));
    for (let n = 0; n < 257; n += 1) cache.keep(place('a'), axis(n), answer(10));
    expect([0, 1, 256].map((n) => cache.find(place('a'), axis(n)) !== undefined)).toEqual([false, true, true]);
    for (let n = 0; n < 140; n += 1) cache.keep(place(`b${n}`), axis(1), answer(250_000));
    expect(cache.find(place('a'), axis(1))).toBeUndefined();
    expect(cache.find(place('b0'), axis(1))).toBeUndefined();
    expect(cache.find(place('b139'), axis(1))).toBeDefined();
    cache.keep(place('c'), axis(1), answer(256 * 1024 + 1));
    expect(cache.find(place('c'), axis(1))).toBeUndefined();
  });

  it('is compared by the angle between vectors of the same length', () => {
    const vector = (...values: number[]): Float32Array => Float32Array.from(values);
    expect(cosine(vector(3, 4), vector(6, 8))).toBeCloseTo(1, 6);
    expect(cosine(vector(1, 0), vector(0, 1))).toBe(0);
    expect(cosine(vector(1, 0), vector(1, 0, 0))).toBe(0);
    expect(cosine(vector(0, 0), vector(0, 0))).toBe(0);
  });
});
