import { beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { CedarEvaluator, DecisionMemo } from '#policy';
import { failure, limits } from '#protocol';
import type { AdmittedFacts, CompletedFacts, ErrorCode } from '#protocol';
import type { JobRequest, JobResult, JobStream } from '#wire';
import { CountingIds, ExampleWorld, ManualClock, MemoryLog, exampleJob, permitAll, uuidOf } from '../examples.js';
import { OfferBook } from '../market/offer-book.js';
import { Decider } from './decide.js';
import { Dispatcher } from './dispatch.js';
import type { InferenceJob } from './inference-job.js';
import { LeaseIssuer } from './lease-issuer.js';
import type { Lease, LeaseRequest } from './lease-issuer.js';
import { Placement } from './place.js';
import { Recorder } from './record.js';
import { RequestPipeline } from './request-pipeline.js';
import { RequestRecords } from './request-records.js';
import { LeaseBook } from './reserve.js';
import { Steps } from './step-telemetry.js';
import { TenantSealers } from './tenant-sealers.js';

/** One grant of `available`, then none. */
class OneLease extends LeaseIssuer {
  constructor(private available = 10_000_000n) {
    super();
  }
  async acquire({ needNanos }: LeaseRequest): Promise<Lease> {
    if (this.available < needNanos) throw failure('BUDGET_EXHAUSTED', 'the budget is spent');
    const amountNanos = this.available;
    this.available = 0n;
    return { lease: uuidOf(0x50), budget: uuidOf(0x51), amountNanos, fence: 3, ttlMs: 30_000 };
  }
  release = (): Promise<void> => Promise.resolve();
}

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

  const pipeline = (issuer: LeaseIssuer = new OneLease()): { pipeline: RequestPipeline; leases: LeaseBook } => {
    const book = new OfferBook(world.replicated);
    const placement = new Placement(book, clock, 0);
    const leases = new LeaseBook(issuer, clock);
    const runner = {
      run: (request: JobRequest): Promise<JobResult> => {
        ran.push(request);
        return nodes(request);
      },
      stream: (request: JobRequest): Promise<JobStream> => {
        ran.push(request);
        return Promise.reject(failure('ENGINE_FAILED', 'streams are tested in streaming.it.spec.ts'));
      },
    };
    return {
      leases,
      pipeline: new RequestPipeline({
        gateway: 'gw-1',
        durability: 'one-replica',
        deadlineMs: limits.requestDeadlineMs,
        streamDeadlineMs: limits.streamDeadlineMs,
        book,
        decider: new Decider(world.replicated, new DecisionMemo(new CedarEvaluator(4))),
        leases,
        placement,
        dispatcher: new Dispatcher(runner, placement, 200),
        records: new RequestRecords(new TenantSealers(clock), clock),
        recorder: new Recorder(log, new CountingIds(), clock),
        steps: new Steps(new Registry()),
        clock,
      }),
    };
  };
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

  it('does not believe a node that claims more tokens than the request has bytes', async () => {
    nodes = (request) => Promise.resolve(result(request, request.offer === uuidOf(0x102) ? 101 : 7));
    await run();
    expect(factsOf<CompletedFacts>('completed').attempts.map(({ outcome, code }) => code ?? outcome)).toEqual(['NODE_PROTOCOL', 'ok']);
  });

  it('pins the price that the request was decided with', async () => {
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
    expect(order).toEqual(['acknowledged', 'acknowledged', 'answered']);
  });

  it('runs nothing when nothing can be recorded', async () => {
    log.available = false;
    await expectError(run(), 'RECORD_UNAVAILABLE');
    expect(ran).toEqual([]);
  });

  it('cancels the job and charges nothing when its admission cannot be recorded', async () => {
    log.failNext = 2;
    nodes = (request) =>
      new Promise((_resolve, reject) => {
        request.signal!.addEventListener('abort', () => reject(request.signal!.reason as Error));
      });
    const { pipeline: same, leases } = pipeline(new OneLease(3_000n));
    await expectError(same.run(exampleJob()), 'RECORD_UNAVAILABLE');
    expect((await leases.hold(exampleJob().tenant.tenant, exampleJob().project.id, 3_000n)).amountNanos).toBe(3_000n);
    // The admission may have arrived all the same, so both it and an end without a charge follow as soon as they can.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(log.records.map(({ id, type }) => ({ id, type }))).toEqual([{ id: exampleJob().id, type: 'admitted' }, { id: exampleJob().id, type: 'completed' }]);
    expect(factsOf<CompletedFacts>('completed')).toMatchObject({ outcome: 'cancelled', chargeNanos: 0n });
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

  it('says busy when every machine is', async () => {
    nodes = () => Promise.reject(failure('NODE_BUSY', 'full'));
    await expectError(run(), 'NO_CAPACITY');
  });

  it('says so when every permitted machine is down', async () => {
    world.offer(1, { state: 'down' });
    await expectError(run({ texts: ['a@b.org'] }), 'NO_OFFER');
    expect(log.records).toEqual([]);
  });
});
