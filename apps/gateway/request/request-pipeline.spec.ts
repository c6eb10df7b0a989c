import { beforeEach, describe, expect, it } from '@jest/globals';
import { failure, offersHash, offersRecordId } from '#protocol';
import type { AdmittedFacts, CompletedFacts, SeenOffer } from '#protocol';
import { exampleJob, uuidOf } from '../examples.js';
import { CacheSalts } from './cache-salts.js';
import type { Lease, LeaseRequest } from './lease-issuer.js';
import { EndlessLeases, OneLease } from './pipeline-harness.js';
import { PipelineScene, exampleResult, expectError } from './pipeline-scene-harness.js';

describe('the request pipeline', () => {
  let scene: PipelineScene;
  beforeEach(() => {
    scene = new PipelineScene();
  });

  it('runs a request on the cheapest permitted machine and records both facts with the charge', async () => {
    const answer = await scene.run();
    expect(scene.offersRun()).toEqual([uuidOf(0x102)]);
    expect(answer).toMatchObject({ status: 200, record: uuidOf(0x999) });
    expect(scene.typesOf()).toEqual(['admitted', 'completed']);
    const admitted = scene.factsOf<AdmittedFacts>('admitted');
    const completed = scene.factsOf<CompletedFacts>('completed');
    // 100 tokens at most, at the dearest permitted price: 30 nanos each.
    expect(admitted).toMatchObject({ gateway: 'gw-1', lease: uuidOf(0x50), fence: 3, holdNanos: 3_000n, priceVersion: uuidOf(0x302), policyVersion: 1, dataClass: 'internal' });
    expect(completed).toMatchObject({ outcome: 'ok', usage: { inputTokens: 7, outputTokens: 0 }, usageSource: 'engine', chargeNanos: 70n, offer: uuidOf(0x102), closedBy: 'gateway' });
    expect(completed.receipt).not.toBeNull();
  });

  it('keeps personal data where the policy says, and says why in the record', async () => {
    await scene.run({ texts: ['write to a@b.org'] });
    expect(scene.offersRun()).toEqual([uuidOf(0x101)]);
    expect(scene.log.fields('admitted')).toMatchObject({ dataClass: 'confidential', declaredClass: 'internal', findings: [{ kind: 'email', count: 1 }], decision: 'permit', policies: [{ id: 'all', reason: 'Anything goes.' }], permittedOffers: 1, consideredOffers: 2, machine: { region: 'eu-frankfurt', evidence: 'contract' } });
    expect(JSON.stringify(scene.log.fields('admitted'))).not.toContain('a@b.org');
  });

  it('keeps the offers as they were once, where every decision among them names them', async () => {
    const { pipeline: same } = scene.pipeline(new EndlessLeases());
    await same.run(exampleJob());
    await same.run(exampleJob({ id: uuidOf(0x998) }));
    const named = scene.log.fields('admitted')['offersSeen'] as { record: string; hash: string };
    expect(scene.log.offersSeen.map(({ id, tenant, fields }) => [id, tenant, fields!['hash']])).toEqual([[named.record, null, named.hash]]);
    const offers = scene.log.offersSeen[0]!.fields!['offers'] as unknown as SeenOffer[];
    expect(offers.map(({ id, price, facts }) => [id, price, facts.jurisdiction, facts.priceNanosPerMillion])).toEqual([[uuidOf(0x101), uuidOf(0x301), 'EU', 30_000_000], [uuidOf(0x102), uuidOf(0x302), 'US', 10_000_000]]);
    expect([offersHash(offers), offersRecordId(named.hash)]).toEqual([named.hash, named.record]);
    scene.world.offer(2, { nodeName: 'virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US', state: 'down' }, 10_000_000n);
    await same.run(exampleJob({ id: uuidOf(0x997) }));
    expect(scene.log.offersSeen).toHaveLength(1);
    scene.world.offer(2, { nodeName: 'virginia', region: 'us-virginia', country: 'US', jurisdiction: 'US' }, 11_000_000n);
    await same.run(exampleJob({ id: uuidOf(0x996) }));
    expect(scene.log.offersSeen).toHaveLength(2);
  });

  it('decides nothing while the offers that it would choose among cannot be kept, and keeps them at the next try', async () => {
    const { pipeline: same } = scene.pipeline(new EndlessLeases());
    scene.log.failNext = 2;
    await expectError(same.run(exampleJob()), 'RECORD_UNAVAILABLE');
    expect([scene.log.records, scene.ran]).toEqual([[], []]);
    await same.run(exampleJob());
    expect(scene.log.offersSeen).toHaveLength(1);
  });

  it('tells the books of cost tags, and of no other tag', async () => {
    await scene.run({ declared: { ...exampleJob().declared, tags: ['sender:a@b.org', 'cost:team=red', 'cost'] } });
    expect(scene.factsOf<AdmittedFacts>('admitted').costTags).toEqual(['cost:team=red']);
    expect(scene.log.fields('admitted')).toMatchObject({ tags: ['sender:a@b.org', 'cost:team=red', 'cost'] });
  });

  it('refuses what the policy forbids, names the policy, and records the refusal', async () => {
    const job = exampleJob();
    const refused = scene.run({ declared: { ...job.declared, tags: ['sender:bad@example.org'] } });
    await expect(refused).rejects.toMatchObject({ code: 'POLICY_DENIED', details: { record: job.id, policies: [{ id: 'senders', reason: 'This sender is refused.' }] } });
    expect(scene.typesOf()).toEqual(['refused']);
    expect(scene.log.fields('refused')).toMatchObject({ decision: 'deny', refusal: { code: 'POLICY_DENIED' } });
    expect(scene.ran).toEqual([]);
  });

  it('says no without a policy', async () => {
    scene.world.policies.put(exampleJob().tenant.tenant, undefined);
    await expectError(scene.run(), 'POLICY_DENIED');
    expect(scene.log.fields('refused')).toMatchObject({ policyVersion: 0, policyHash: null });
  });

  it('decides by a new policy from the moment it is there', async () => {
    const { pipeline: same } = scene.pipeline();
    await same.run(exampleJob());
    scene.world.policy('@id("none") @reason("Closed.") forbid(principal, action, resource);', 2);
    await expectError(same.run(exampleJob({ id: uuidOf(0x998) })), 'POLICY_DENIED');
  });

  it('does not know a model that nobody offers, and records nothing of it', async () => {
    await expectError(scene.run({ model: 'gpt-9' }), 'MODEL_NOT_FOUND');
    expect(scene.log.records).toEqual([]);
  });

  it('refuses when the budget is spent, and records the refusal', async () => {
    await expectError(scene.pipeline(new OneLease(999n)).pipeline.run(exampleJob()), 'BUDGET_EXHAUSTED');
    expect(scene.log.fields('refused')).toMatchObject({ decision: 'permit', refusal: { code: 'BUDGET_EXHAUSTED' } });
  });

  it('leases for the key alone where its spend is limited, refuses when that is spent, and records the refusal', async () => {
    const asked: (string | undefined)[] = [];
    class SpentPeriod extends OneLease {
      override acquire({ keyId }: LeaseRequest): Promise<Lease> {
        asked.push(keyId);
        return Promise.reject(failure('SPEND_LIMIT_REACHED', "what is left of the key's spend of this day does not cover this request"));
      }
    }
    const { pipeline: same } = scene.pipeline(new SpentPeriod());
    await expectError(same.run(exampleJob()), 'SPEND_LIMIT_REACHED');
    scene.world.limit('key', exampleJob().keyId, { spend: { limitNanos: 1n, period: 'day' } });
    await expectError(same.run(exampleJob({ id: uuidOf(0x998) })), 'SPEND_LIMIT_REACHED');
    expect([...new Set(asked)]).toEqual([undefined, exampleJob().keyId]);
    expect(scene.log.fields('refused')).toMatchObject({ decision: 'permit', refusal: { code: 'SPEND_LIMIT_REACHED' } });
  });

  it('runs where the budget still reaches when it does not reach for the dearest permitted machine', async () => {
    await scene.pipeline(new OneLease(2_999n)).pipeline.run(exampleJob());
    expect(scene.offersRun()).toEqual([uuidOf(0x102)]);
    expect(scene.factsOf<AdmittedFacts>('admitted').holdNanos).toBe(1_000n);
  });

  it('conformance 61: does not believe a node that claims more tokens than the request has bytes', async () => {
    scene.nodes = (request) => Promise.resolve(exampleResult(request, request.offer === uuidOf(0x102) ? 101 : 7));
    await scene.run();
    expect(scene.factsOf<CompletedFacts>('completed').attempts.map(({ outcome, code }) => code ?? outcome)).toEqual(['NODE_PROTOCOL', 'ok']);
  });

  it('conformance 40: pins the price that the request was decided with', async () => {
    scene.nodes = (request) => {
      scene.world.offer(2, { jurisdiction: 'US' }, 99_000_000n);
      return Promise.resolve(exampleResult(request));
    };
    await scene.run();
    expect(scene.factsOf<CompletedFacts>('completed').chargeNanos).toBe(70n);
  });

  it('answers only after both facts are durable', async () => {
    const order: string[] = [];
    scene.log.beforeAck = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push('acknowledged');
    };
    await scene.run();
    order.push('answered');
    // The offers that it chose among, and both facts.
    expect(order).toEqual(['acknowledged', 'acknowledged', 'acknowledged', 'answered']);
  });

  it('runs nothing when nothing can be recorded', async () => {
    scene.log.available = false;
    await expectError(scene.run(), 'RECORD_UNAVAILABLE');
    expect(scene.ran).toEqual([]);
  });

  it('asks the limits before anything else, and tells what is left whatever the answer is', async () => {
    scene.world.limit('project', exampleJob().project.id, { requestsPerMinute: 1, concurrentRequests: 1, tokensPerMinute: 1_000 });
    const told: Record<string, string>[] = [];
    const tellLimits = (headers: Record<string, string>): void => void told.push(headers);
    const { pipeline: same } = scene.pipeline(new EndlessLeases());
    await same.run(exampleJob({ tellLimits }));
    expect(told.map((headers) => [headers['x-ratelimit-remaining-requests'], headers['x-ratelimit-limit-tokens'], headers['x-ratelimit-remaining-tokens']])).toEqual([['0', '1000', '900'], ['0', '1000', '993']]);
    await expectError(same.run(exampleJob({ id: uuidOf(0x998) })), 'RATE_LIMITED');
    scene.clock.ms += 60_000;
    scene.nodes = () => Promise.reject(failure('ENGINE_FAILED', 'broken'));
    await expectError(same.run(exampleJob({ id: uuidOf(0x997), tellLimits })), 'ENGINE_FAILED');
    expect(told.at(-1)).toMatchObject({ 'x-ratelimit-remaining-tokens': '1000' });
    scene.clock.ms += 60_000;
    await expectError(same.run(exampleJob({ id: uuidOf(0x996), bound: { inputTokens: 900, outputTokens: 101 } })), 'TOKENS_OVER_LIMIT');
    expect(scene.log.records.map(({ id }) => id)).not.toContain(uuidOf(0x996));
  });

  it('runs no model that a limit does not name, nor an alias of one', async () => {
    scene.world.limit('key', exampleJob().keyId, { models: ['other'] });
    scene.world.alias('fast', 'embed');
    await expectError(scene.run(), 'MODEL_NOT_ALLOWED');
    await expectError(scene.run({ model: 'fast' }), 'MODEL_NOT_ALLOWED');
    expect(scene.ran).toEqual([]);
  });

  it('runs an alias as the model that it stands for, which is what the record says', async () => {
    scene.world.alias('fast', 'embed');
    const answer = await scene.run({ model: 'fast', body: Buffer.from('{"model":"fast","input":"hello"}') });
    expect(scene.ran[0]).toMatchObject({ model: 'embed' });
    expect(JSON.parse(scene.ran[0]!.body.toString())).toEqual({ model: 'embed', input: 'hello' });
    expect(scene.factsOf<AdmittedFacts>('admitted')).toMatchObject({ model: 'embed', record: answer.record });
  });

  it('conformance 59: gives machines a salt for their prefix caches that is the same for an organisation and no other', async () => {
    const { pipeline: same } = scene.pipeline(new EndlessLeases());
    await same.run(exampleJob());
    await same.run(exampleJob({ id: uuidOf(0x998) }));
    const [first, second] = scene.ran.map(({ cacheSalt }) => cacheSalt);
    expect(first).toBe(second);
    const salts = new CacheSalts('a secret of sixteen');
    expect(first).toBe(salts.of(exampleJob().tenant.tenant));
    expect(first).not.toBe(salts.of(uuidOf(9)));
    expect(first).not.toBe(new CacheSalts('another secret of it').of(exampleJob().tenant.tenant));
  });
});
