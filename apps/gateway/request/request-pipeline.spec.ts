import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure, offersHash, offersRecordId } from '#protocol';
import type { AdmittedFacts, CompletedFacts, ErrorCode, SeenOffer } from '#protocol';
import { Interrupted } from '#wire';
import type { JobRequest, JobResult } from '#wire';
import { ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll, uuidOf } from '../examples.js';
import { AnswerCache } from './answer-cache.js';
import { CacheSalts } from './cache-salts.js';
import type { InferenceJob } from './inference-job.js';
import type { LeaseIssuer, Lease, LeaseRequest } from './lease-issuer.js';
import { EndlessLeases, OneLease, examplePipeline } from './pipeline-harness.js';
import type { RequestPipeline } from './request-pipeline.js';

const euOnly = `${permitAll}
@id("eu") @reason("Personal data stays in the EU.") forbid(principal, action, resource) when { context.personalData } unless { resource.jurisdiction == "EU" };
@id("senders") @reason("This sender is refused.") forbid(principal, action, resource) when { context.tags.contains("sender:bad@example.org") };`;

describe('the request pipeline', () => {
  let world: ExampleWorld;
  let log: MemoryLog;
  let clock: ManualClock;
  let ran: JobRequest[];
  let nodes: (request: JobRequest) => Promise<JobResult>;

  const result = (request: JobRequest, inputTokens = 7): JobResult => ({
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(`{"from":"${request.offer}"}`),
    usage: { inputTokens, outputTokens: 0 },
    receipt: { bytes: 'AA==', signature: 'AA==' },
  });

  beforeEach(() => {
    world = new ExampleWorld();
    world.offer(1, { nodeName: 'frankfurt', region: 'eu-frankfurt', jurisdiction: 'EU' }, 30_000_000n);
    world.offer(2, { nodeName: 'virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US' }, 10_000_000n);
    world.policy(euOnly);
    log = new MemoryLog();
    clock = new ManualClock();
    ran = [];
    nodes = (request) => Promise.resolve(result(request));
  });

  const pipeline = (issuer: LeaseIssuer = new OneLease()) =>
    examplePipeline(world, log, clock, issuer, (request) => {
      ran.push(request);
      return nodes(request);
    });
  const run = (changes: Partial<InferenceJob> = {}) => pipeline().pipeline.run(exampleJob(changes));
  const typesOf = (): string[] => log.records.map(({ type }) => type).sort();
  const factsOf = <T>(type: 'admitted' | 'completed'): T => log.records.find((record) => record.type === type)!.facts as T;
  const offersRun = (): string[] => ran.map(({ offer }) => offer);
  const expectError = (promise: Promise<unknown>, code: ErrorCode): Promise<unknown> => expect(promise).rejects.toMatchObject({ code });

  it('runs a request on the cheapest permitted machine and records both facts with the charge', async () => {
    const answer = await run();
    expect(offersRun()).toEqual([uuidOf(0x102)]);
    expect(answer).toMatchObject({ status: 200, record: uuidOf(0x999) });
    expect(typesOf()).toEqual(['admitted', 'completed']);
    const admitted = factsOf<AdmittedFacts>('admitted');
    const completed = factsOf<CompletedFacts>('completed');
    // 100 tokens at most, at the dearest permitted price: 30 nanos each.
    expect(admitted).toMatchObject({ gateway: 'gw-1', lease: uuidOf(0x50), fence: 3, holdNanos: 3_000n, priceVersion: uuidOf(0x302), policyVersion: 1, dataClass: 'internal' });
    expect(completed).toMatchObject({ outcome: 'ok', usage: { inputTokens: 7, outputTokens: 0 }, usageSource: 'engine', chargeNanos: 70n, offer: uuidOf(0x102), closedBy: 'gateway' });
    expect(completed.receipt).not.toBeNull();
  });

  it('keeps personal data where the policy says, and says why in the record', async () => {
    await run({ texts: ['write to a@b.org'] });
    expect(offersRun()).toEqual([uuidOf(0x101)]);
    expect(log.fields('admitted')).toMatchObject({ dataClass: 'confidential', declaredClass: 'internal', findings: [{ kind: 'email', count: 1 }], decision: 'permit', policies: [{ id: 'all', reason: 'Anything goes.' }], permittedOffers: 1, consideredOffers: 2, machine: { region: 'eu-frankfurt', evidence: 'contract' } });
    expect(JSON.stringify(log.fields('admitted'))).not.toContain('a@b.org');
  });

  it('keeps the offers as they were once, where every decision among them names them', async () => {
    const { pipeline: same } = pipeline(new EndlessLeases());
    await same.run(exampleJob());
    await same.run(exampleJob({ id: uuidOf(0x998) }));
    const named = log.fields('admitted')['offersSeen'] as { record: string; hash: string };
    expect(log.offersSeen.map(({ id, tenant, fields }) => [id, tenant, fields!['hash']])).toEqual([[named.record, null, named.hash]]);
    const offers = log.offersSeen[0]!.fields!['offers'] as unknown as SeenOffer[];
    expect(offers.map(({ id, price, facts }) => [id, price, facts.jurisdiction, facts.priceNanosPerMillion])).toEqual([[uuidOf(0x101), uuidOf(0x301), 'EU', 30_000_000], [uuidOf(0x102), uuidOf(0x302), 'US', 10_000_000]]);
    expect([offersHash(offers), offersRecordId(named.hash)]).toEqual([named.hash, named.record]);
    world.offer(2, { nodeName: 'virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US', state: 'down' }, 10_000_000n);
    await same.run(exampleJob({ id: uuidOf(0x997) }));
    expect(log.offersSeen).toHaveLength(1);
    world.offer(2, { nodeName: 'virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US' }, 11_000_000n);
    await same.run(exampleJob({ id: uuidOf(0x996) }));
    expect(log.offersSeen).toHaveLength(2);
  });

  it('decides nothing while the offers that it would choose among cannot be kept, and keeps them at the next try', async () => {
    const { pipeline: same } = pipeline(new EndlessLeases());
    log.failNext = 2;
    await expectError(same.run(exampleJob()), 'RECORD_UNAVAILABLE');
    expect([log.records, ran]).toEqual([[], []]);
    await same.run(exampleJob());
    expect(log.offersSeen).toHaveLength(1);
  });

  it('tells the books of cost tags, and of no other tag', async () => {
    await run({ declared: { ...exampleJob().declared, tags: ['sender:a@b.org', 'cost:team=red', 'cost'] } });
    expect(factsOf<AdmittedFacts>('admitted').costTags).toEqual(['cost:team=red']);
    expect(log.fields('admitted')).toMatchObject({ tags: ['sender:a@b.org', 'cost:team=red', 'cost'] });
  });

  it('refuses what the policy forbids, names the policy, and records the refusal', async () => {
    const job = exampleJob();
    const refused = run({ declared: { ...job.declared, tags: ['sender:bad@example.org'] } });
    await expect(refused).rejects.toMatchObject({ code: 'POLICY_DENIED', details: { record: job.id, policies: [{ id: 'senders', reason: 'This sender is refused.' }] } });
    expect(typesOf()).toEqual(['refused']);
    expect(log.fields('refused')).toMatchObject({ decision: 'deny', refusal: { code: 'POLICY_DENIED' } });
    expect(ran).toEqual([]);
  });

  it('says no without a policy', async () => {
    world.policies.put(exampleJob().tenant.tenant, undefined);
    await expectError(run(), 'POLICY_DENIED');
    expect(log.fields('refused')).toMatchObject({ policyVersion: 0, policyHash: null });
  });

  it('decides by a new policy from the moment it is there', async () => {
    const { pipeline: same } = pipeline();
    await same.run(exampleJob());
    world.policy('@id("none") @reason("Closed.") forbid(principal, action, resource);', 2);
    await expectError(same.run(exampleJob({ id: uuidOf(0x998) })), 'POLICY_DENIED');
  });

  it('does not know a model that nobody offers, and records nothing of it', async () => {
    await expectError(run({ model: 'gpt-9' }), 'MODEL_NOT_FOUND');
    expect(log.records).toEqual([]);
  });

  it('refuses when the budget is spent, and records the refusal', async () => {
    await expectError(pipeline(new OneLease(999n)).pipeline.run(exampleJob()), 'BUDGET_EXHAUSTED');
    expect(log.fields('refused')).toMatchObject({ decision: 'permit', refusal: { code: 'BUDGET_EXHAUSTED' } });
  });

  it('leases for the key alone where its spend is limited, refuses when that is spent, and records the refusal', async () => {
    const asked: (string | undefined)[] = [];
    class SpentPeriod extends OneLease {
      override acquire({ keyId }: LeaseRequest): Promise<Lease> {
        asked.push(keyId);
        return Promise.reject(failure('SPEND_LIMIT_REACHED', "what is left of the key's spend of this day does not cover this request"));
      }
    }
    const { pipeline: same } = pipeline(new SpentPeriod());
    await expectError(same.run(exampleJob()), 'SPEND_LIMIT_REACHED');
    world.limit('key', exampleJob().keyId, { spend: { limitNanos: 1n, period: 'day' } });
    await expectError(same.run(exampleJob({ id: uuidOf(0x998) })), 'SPEND_LIMIT_REACHED');
    expect([...new Set(asked)]).toEqual([undefined, exampleJob().keyId]);
    expect(log.fields('refused')).toMatchObject({ decision: 'permit', refusal: { code: 'SPEND_LIMIT_REACHED' } });
  });

  it('runs where the budget still reaches when it does not reach for the dearest permitted machine', async () => {
    await pipeline(new OneLease(2_999n)).pipeline.run(exampleJob());
    expect(offersRun()).toEqual([uuidOf(0x102)]);
    expect(factsOf<AdmittedFacts>('admitted').holdNanos).toBe(1_000n);
  });

  it('moves to the next offer when a machine is gone, and names both attempts', async () => {
    nodes = (request) => (request.offer === uuidOf(0x102) ? Promise.reject(failure('NODE_UNREACHABLE', 'gone', { reason: 'lost' })) : Promise.resolve(result(request)));
    await run();
    expect(factsOf<CompletedFacts>('completed')).toMatchObject({
      offer: uuidOf(0x101),
      chargeNanos: 210n,
      attempts: [
        { offer: uuidOf(0x102), outcome: 'lost', code: 'NODE_UNREACHABLE' },
        { offer: uuidOf(0x101), outcome: 'ok' },
      ],
    });
  });

  it('moves on when an engine limits its rate, leaves it alone as long as it asks, and does not count it as broken', async () => {
    nodes = (request) => (request.offer === uuidOf(0x102) ? Promise.reject(failure('ENGINE_REFUSED', 'slow down', { status: 429, retryAfterMs: 20_000 })) : Promise.resolve(result(request)));
    const { pipeline: same } = pipeline(new EndlessLeases());
    for (let n = 0; n < 3; n += 1) await same.run(exampleJob({ id: uuidOf(0x900 + n) }));
    expect(offersRun()).toEqual([uuidOf(0x102), uuidOf(0x101), uuidOf(0x101), uuidOf(0x101)]);
    expect(factsOf<CompletedFacts>('completed').attempts[0]).toMatchObject({ offer: uuidOf(0x102), outcome: 'busy', code: 'ENGINE_REFUSED' });
    clock.ms += 20_000;
    nodes = (request) => Promise.resolve(result(request));
    await same.run(exampleJob({ id: uuidOf(0x910) }));
    expect(offersRun().at(-1)).toBe(uuidOf(0x102));
  });

  it('conformance 38: makes no more attempts for all tries of clients, machines and models together than one retry budget allows', async () => {
    world.offer(4, { model: 'spare', jurisdiction: 'EU' });
    world.offer(5, { model: 'spare', jurisdiction: 'EU' });
    world.alias('fast', 'embed', 'spare');
    nodes = () => Promise.reject(failure('ENGINE_FAILED', 'broken'));
    const { pipeline: same } = pipeline(new EndlessLeases());
    const clients = 20;
    for (let n = 0; n < clients; n += 1) {
      for (let again = 0; again < 3; again += 1) await same.run(exampleJob({ id: uuidOf(0x2000 + n * 3 + again), model: 'fast', isRepeat: again > 0 })).catch(() => undefined);
    }
    // Sixty tries of clients × two models × two machines would be 240.
    expect(ran.length).toBeLessThanOrEqual(clients * 3 + clients * 0.2 + 10);
    expect(ran.length).toBeGreaterThanOrEqual(clients * 3);
  });

  it('conformance 59: gives machines a salt for their prefix caches that is the same for an organisation and no other', async () => {
    const { pipeline: same } = pipeline(new EndlessLeases());
    await same.run(exampleJob());
    await same.run(exampleJob({ id: uuidOf(0x998) }));
    const [first, second] = ran.map(({ cacheSalt }) => cacheSalt);
    expect(first).toBe(second);
    const salts = new CacheSalts('a secret of sixteen');
    expect(first).toBe(salts.of(exampleJob().tenant.tenant));
    expect(first).not.toBe(salts.of(uuidOf(9)));
    expect(first).not.toBe(new CacheSalts('another secret of it').of(exampleJob().tenant.tenant));
  });

  it('never moves to a machine that was not permitted', async () => {
    nodes = () => Promise.reject(failure('NODE_UNREACHABLE', 'gone'));
    await expectError(run({ texts: ['a@b.org'] }), 'NODE_UNREACHABLE');
    expect(offersRun()).toEqual([uuidOf(0x101)]);
  });

  it('closes a request that nobody could run without a charge, and gives the reservation back', async () => {
    nodes = () => Promise.reject(failure('ENGINE_FAILED', 'http://user:secret@engine broke'));
    const { pipeline: same } = pipeline(new OneLease(3_000n));
    const failed = same.run(exampleJob());
    await expect(failed).rejects.toMatchObject({ code: 'ENGINE_FAILED', message: expect.not.stringContaining('secret') as unknown, details: { record: uuidOf(0x999) } });
    expect(factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'failed', chargeNanos: 0n, usageSource: 'none', receipt: null });
    nodes = (request) => Promise.resolve(result(request));
    await same.run(exampleJob({ id: uuidOf(0x998) }));
  });

  it("passes the engine's refusal of a wrong request on, tries nowhere else and charges nothing", async () => {
    nodes = () => Promise.reject(failure('ENGINE_REFUSED', 'no', { status: 400, contentType: 'application/json', body: '{"error":{"message":"bad"}}' }));
    await expectError(run(), 'ENGINE_REFUSED');
    expect(ran).toHaveLength(1);
    expect(factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'failed', chargeNanos: 0n });
  });

  it('conformance 61: does not believe a node that claims more tokens than the request has bytes', async () => {
    nodes = (request) => Promise.resolve(result(request, request.offer === uuidOf(0x102) ? 101 : 7));
    await run();
    expect(factsOf<CompletedFacts>('completed').attempts.map(({ outcome, code }) => code ?? outcome)).toEqual(['NODE_PROTOCOL', 'ok']);
  });

  it('conformance 40: pins the price that the request was decided with', async () => {
    nodes = (request) => {
      world.offer(2, { jurisdiction: 'US' }, 99_000_000n);
      return Promise.resolve(result(request));
    };
    await run();
    expect(factsOf<CompletedFacts>('completed').chargeNanos).toBe(70n);
  });

  it('answers only after both facts are durable', async () => {
    const order: string[] = [];
    log.beforeAck = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push('acknowledged');
    };
    await run();
    order.push('answered');
    // The offers that it chose among, and both facts.
    expect(order).toEqual(['acknowledged', 'acknowledged', 'acknowledged', 'answered']);
  });

  it('runs nothing when nothing can be recorded', async () => {
    log.available = false;
    await expectError(run(), 'RECORD_UNAVAILABLE');
    expect(ran).toEqual([]);
  });

  it('cancels the job and charges nothing when its admission cannot be recorded, which counts as spent until the books know', async () => {
    nodes = (request) =>
      new Promise((_resolve, reject) => {
        // The job is on its way: from here on nothing is acknowledged, twice.
        log.failNext = 2;
        request.signal!.addEventListener('abort', () => reject(request.signal!.reason as Error));
      });
    const { pipeline: same, leases } = pipeline(new OneLease(3_000n));
    await expectError(same.run(exampleJob()), 'RECORD_UNAVAILABLE');
    // It may have arrived, and its machine's receipt may be what the books end it with.
    await expectError(leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 1n), 'BUDGET_EXHAUSTED');
    // The admission may have arrived all the same, so both it and an end without a charge follow as soon as they can.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(log.records.map(({ id, type }) => ({ id, type }))).toEqual([{ id: exampleJob().id, type: 'admitted' }, { id: exampleJob().id, type: 'completed' }]);
    expect(factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'cancelled', chargeNanos: 0n });
  });

  it('counts the hold as spent when its end cannot be recorded: the books may come to another one', async () => {
    const keep = async (): Promise<void> => void (log.failNext = 2);
    const { pipeline: same, leases } = pipeline(new OneLease(3_100n));
    await expectError(same.run(exampleJob({ keep })), 'RECORD_UNAVAILABLE');
    expect((await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 100n)).amountNanos).toBe(100n);
    await expectError(leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 1n), 'BUDGET_EXHAUSTED');
  });

  it('cancels the job when the client goes away, and closes it without a charge', async () => {
    const client = new AbortController();
    nodes = (request) =>
      new Promise((_resolve, reject) => {
        request.signal!.addEventListener('abort', () => reject(request.signal!.reason as Error));
        client.abort(failure('DEADLINE_EXCEEDED', 'the client went away'));
      });
    await expectError(run({ signal: client.signal }), 'DEADLINE_EXCEEDED');
    expect(factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'cancelled', chargeNanos: 0n, attempts: [] });
  });

  it.each([
    ['charges what was made until the client went away', 7, { outcome: 'cancelled', usage: { inputTokens: 7, outputTokens: 0 }, usageSource: 'engine', chargeNanos: 70n, responseHash: 'ab'.repeat(32) }],
    ['does not believe a machine that claims more than the request can hold', 7_000, { outcome: 'cancelled', usageSource: 'none', chargeNanos: 0n, receipt: null }],
  ])('%s', async (_what, inputTokens, expected) => {
    const client = new AbortController();
    const end = { ...result({} as JobRequest, inputTokens), estimated: false, responseHash: 'ab'.repeat(32) };
    nodes = (request) =>
      new Promise((_resolve, reject) => {
        request.signal!.addEventListener('abort', () => reject(new Interrupted(request.signal!.reason, end)));
        client.abort(failure('DEADLINE_EXCEEDED', 'the client went away'));
      });
    const { pipeline: same, leases } = pipeline(new OneLease(3_000n));
    await expectError(same.run(exampleJob({ signal: client.signal })), 'DEADLINE_EXCEEDED');
    expect(factsOf<CompletedFacts>('completed')).toMatchObject(expected);
    // What is left of the reservation is free again.
    const left = 3_000n - (expected.chargeNanos ?? 0n);
    expect((await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, left)).amountNanos).toBe(left);
  });

  it('asks the limits before anything else, and tells what is left whatever the answer is', async () => {
    world.limit('project', exampleJob().project.id, { requestsPerMinute: 1, concurrentRequests: 1, tokensPerMinute: 1_000 });
    const told: Record<string, string>[] = [];
    const tellLimits = (headers: Record<string, string>): void => void told.push(headers);
    const { pipeline: same } = pipeline(new EndlessLeases());
    await same.run(exampleJob({ tellLimits }));
    expect(told.map((headers) => [headers['x-ratelimit-remaining-requests'], headers['x-ratelimit-limit-tokens'], headers['x-ratelimit-remaining-tokens']])).toEqual([['0', '1000', '900'], ['0', '1000', '993']]);
    await expectError(same.run(exampleJob({ id: uuidOf(0x998) })), 'RATE_LIMITED');
    clock.ms += 60_000;
    nodes = () => Promise.reject(failure('ENGINE_FAILED', 'broken'));
    await expectError(same.run(exampleJob({ id: uuidOf(0x997), tellLimits })), 'ENGINE_FAILED');
    expect(told.at(-1)).toMatchObject({ 'x-ratelimit-remaining-tokens': '1000' });
    clock.ms += 60_000;
    await expectError(same.run(exampleJob({ id: uuidOf(0x996), bound: { inputTokens: 900, outputTokens: 101 } })), 'TOKENS_OVER_LIMIT');
    expect(log.records.map(({ id }) => id)).not.toContain(uuidOf(0x996));
  });

  it('runs no model that a limit does not name, nor an alias of one', async () => {
    world.limit('key', exampleJob().keyId, { models: ['other'] });
    world.alias('fast', 'embed');
    await expectError(run(), 'MODEL_NOT_ALLOWED');
    await expectError(run({ model: 'fast' }), 'MODEL_NOT_ALLOWED');
    expect(ran).toEqual([]);
  });

  it('runs an alias as the model that it stands for, which is what the record says', async () => {
    world.alias('fast', 'embed');
    const answer = await run({ model: 'fast', body: Buffer.from('{"model":"fast","input":"hello"}') });
    expect(ran[0]).toMatchObject({ model: 'embed' });
    expect(JSON.parse(ran[0]!.body.toString())).toEqual({ model: 'embed', input: 'hello' });
    expect(factsOf<AdmittedFacts>('admitted')).toMatchObject({ model: 'embed', record: answer.record });
  });

  it('moves along an alias to the next model, each with a decision and a record of its own', async () => {
    world.offer(3, { model: 'forbidden', jurisdiction: 'US', country: 'US' });
    world.offer(4, { model: 'broken', jurisdiction: 'EU' });
    world.alias('fast', 'missing', 'forbidden', 'broken', 'embed');
    nodes = (request) => (request.model === 'broken' ? Promise.reject(failure('ENGINE_FAILED', 'broken')) : Promise.resolve(result(request)));
    const answer = await run({ model: 'fast', texts: ['a@b.org'] });
    expect(ran.map(({ model }) => model)).toEqual(['broken', 'embed']);
    const ids = [...new Set(log.records.map(({ id }) => id))];
    expect(ids).toHaveLength(3);
    expect(log.records.map(({ type }) => type)).toEqual(['refused', 'admitted', 'completed', 'admitted', 'completed']);
    const completed = log.records.filter(({ type }) => type === 'completed').map(({ facts }) => facts as CompletedFacts);
    expect(completed.map(({ outcome, chargeNanos }) => [outcome, chargeNanos])).toEqual([['failed', 0n], ['ok', 210n]]);
    expect(completed[1]!.record).toBe(answer.record);
  });

  it('asks whose job it is for the next record, and only once one has ended', async () => {
    world.offer(4, { model: 'broken', jurisdiction: 'EU' });
    world.alias('fast', 'missing', 'broken', 'embed');
    nodes = (request) => (request.model === 'broken' ? Promise.reject(failure('ENGINE_FAILED', 'broken')) : Promise.resolve(result(request)));
    const asked: string[][] = [];
    const nextRecord = async (): Promise<string> => {
      asked.push(log.records.map(({ type }) => type));
      return uuidOf(0x777);
    };
    const answer = await run({ model: 'fast', nextRecord });
    expect(asked).toEqual([['admitted', 'completed']]);
    expect(answer.record).toBe(uuidOf(0x777));
    expect(ran.map(({ record }) => record)).toEqual([uuidOf(0x999), uuidOf(0x777)]);
  });

  it('asks no other machine once the gateway itself has interrupted the job', async () => {
    nodes = () => Promise.reject(failure('SERVICE_UNAVAILABLE', 'this gateway is stopping'));
    await expectError(run(), 'NODE_UNREACHABLE');
    expect(ran).toHaveLength(1);
  });

  it('tries no other model when the budget is spent or the request is wrong', async () => {
    world.offer(4, { model: 'other' });
    world.alias('fast', 'embed', 'other');
    await expectError(pipeline(new OneLease(1n)).pipeline.run(exampleJob({ model: 'fast' })), 'BUDGET_EXHAUSTED');
    nodes = () => Promise.reject(failure('ENGINE_REFUSED', 'no', { status: 400, contentType: 'application/json', body: '{}' }));
    await expectError(run({ model: 'fast', id: uuidOf(0x998) }), 'ENGINE_REFUSED');
    expect(ran).toHaveLength(1);
  });

  describe('conformance 42 and 52: kept answers', () => {
    const { tenant, project } = exampleJob();
    const chat = (body: object): Partial<InferenceJob> => ({ endpoint: 'chat.completions', model: 'chat', body: Buffer.from(JSON.stringify({ model: 'chat', messages: [], ...body })) });
    let same: RequestPipeline;
    let next: number;
    const ask = (changes: Partial<InferenceJob> = {}) => same.run(exampleJob({ id: uuidOf((next += 1)), ...changes }));
    beforeEach(() => {
      next = 0x2000;
      world.offer(5, { model: 'chat', endpoints: ['chat.completions'] });
      world.limit('project', project.id, { cacheSeconds: 60 });
      same = pipeline(new EndlessLeases()).pipeline;
    });

    it('are given again to the very same request without running or charging, and recorded with where they came from', async () => {
      const first = await ask({ body: Buffer.from('{"model":"embed","input":"hello"}') });
      const again = await ask({ body: Buffer.from('{"input":"hello","model":"embed"}') });
      expect(ran).toHaveLength(1);
      expect(again).toEqual({ ...first, usage: { inputTokens: 0, outputTokens: 0 }, record: uuidOf(next), chargeNanos: 0n, isReused: true });
      expect(log.records.map(({ type }) => type)).toEqual(['admitted', 'completed', 'reused']);
      expect(log.records.at(-1)!.facts).toBeNull();
      expect(log.fields('reused')).toMatchObject({ answerOf: first.record, chargeNanos: '0', decision: 'permit' });
    });

    it('are never given to another organisation, project, key, class, purpose, model or body', async () => {
      const declared = exampleJob().declared;
      const other = { ...tenant, tenant: uuidOf(77), pseudonym: 'cd'.repeat(32) };
      world.policies.put(other.tenant, { ...world.policies.get(tenant.tenant)!, tenant: other.tenant });
      await ask();
      await ask({ tenant: other, project: { ...project } });
      await ask({ project: { ...project, id: uuidOf(78) } });
      await ask({ keyId: uuidOf(79) });
      await ask({ declared: { ...declared, dataClass: 'confidential' } });
      await ask({ declared: { ...declared, purpose: 'other' } });
      await ask({ body: Buffer.from('{"model":"embed","input":"hello "}') });
      world.policy(`${euOnly}\n`, 2);
      world.policies.put(tenant.tenant, { ...world.policies.get(tenant.tenant)!, hash: '34'.repeat(32) });
      await ask();
      expect(ran).toHaveLength(8);
    });

    it('are asked for the policy first, kept for their time, and only where the project wants it', async () => {
      await ask();
      world.policy('@id("none") @reason("Closed.") forbid(principal, action, resource);', 2);
      await expectError(ask(), 'POLICY_DENIED');
      world.policy(euOnly);
      await ask();
      expect(ran).toHaveLength(1);
      clock.ms += 60_000;
      await ask();
      expect(ran).toHaveLength(2);
      world.limits.put(project.id, undefined);
      await ask();
      expect(ran).toHaveLength(3);
    });

    it('of chat are those of temperature 0 that are not streamed', async () => {
      for (const body of [{}, { temperature: 1 }, { temperature: 0, stream: true }]) {
        await ask(chat(body));
        await ask(chat(body));
      }
      expect(ran).toHaveLength(6);
      await ask(chat({ temperature: 0 }));
      await ask(chat({ temperature: 0 }));
      expect(ran).toHaveLength(7);
    });

    it('are given in the form that each request asks for, and recorded by what the machine answered', async () => {
      const asResponse = (answer: Buffer): Buffer => Buffer.from(`response to ${next}: ${answer.toString()}`);
      const plain = await ask(chat({ temperature: 0 }));
      const formed = await ask({ ...chat({ temperature: 0 }), adapt: asResponse });
      expect(ran).toHaveLength(1);
      expect(formed.body.toString()).toBe(`response to ${next}: ${plain.body.toString()}`);
      const { responseHash } = log.records.find(({ type }) => type === 'completed')!.facts as CompletedFacts;
      expect(log.fields('reused')).toMatchObject({ responseHash });
    });

    it('are not given to a request whose form they do not have', async () => {
      await ask(chat({ temperature: 0 }));
      await expectError(ask({ ...chat({ temperature: 0 }), adapt: () => { throw failure('NODE_PROTOCOL', 'no completion'); } }), 'NODE_PROTOCOL');
      expect(log.records.map(({ type }) => type)).toEqual(['admitted', 'completed', 'admitted', 'completed']);
    });

    it('are no older than the project allows now', async () => {
      await ask();
      world.limit('project', project.id, { cacheSeconds: 10 });
      clock.ms += 11_000;
      await ask();
      expect(ran).toHaveLength(2);
    });

    it('take bounded memory, the least recently used one going first', () => {
      const cache = new AnswerCache(clock);
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

  it('says busy when every machine is', async () => {
    nodes = () => Promise.reject(failure('NODE_BUSY', 'full'));
    await expectError(run(), 'NO_CAPACITY');
  });

  it('says so when every permitted machine is down', async () => {
    world.offer(1, { state: 'down' });
    await expectError(run({ texts: ['a@b.org'] }), 'NO_OFFER');
    expect(log.records).toEqual([]);
  });

  describe('of a job whose caller is not there to take the answer', () => {
    it('has the answer kept after the admission and before the end is recorded', async () => {
      const types: string[][] = [];
      const { pipeline: made } = pipeline();
      const answer = await made.run(exampleJob({ keep: async (kept) => void types.push([kept!.body.toString(), ...log.records.map(({ type }) => type)]) }));
      expect(types).toEqual([[answer.body.toString(), 'admitted']]);
      expect(log.records.map(({ type }) => type)).toEqual(['admitted', 'completed']);
    });

    it('asks before it records a failure, too', async () => {
      nodes = () => Promise.reject(failure('ENGINE_FAILED', 'no'));
      const kept: unknown[] = [];
      await expect(pipeline().pipeline.run(exampleJob({ keep: async (answer) => void kept.push(answer) }))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
      expect(kept).toEqual([undefined]);
    });

    it('counts the tokens of work whose answer cannot be kept', async () => {
      const job = exampleJob({ keep: () => Promise.reject(new Error('somebody else has it')) });
      world.limit('project', job.project.id, { tokensPerMinute: 150 });
      const { pipeline: made } = pipeline();
      await expect(made.run(job)).rejects.toThrow('somebody else has it');
      await expect(made.run(exampleJob())).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    });

    it('records no end when the answer cannot be kept, and counts the hold as spent', async () => {
      const { pipeline: made, leases } = pipeline(new OneLease(3_100n));
      await expect(made.run(exampleJob({ keep: () => Promise.reject(new Error('somebody else has it')) }))).rejects.toThrow('somebody else has it');
      expect(log.records.map(({ type }) => type)).toEqual(['admitted']);
      await expect(leases.hold(uuidOf(1), uuidOf(3), 3_000n)).rejects.toMatchObject({ code: 'BUDGET_EXHAUSTED' });
    });
  });
});
