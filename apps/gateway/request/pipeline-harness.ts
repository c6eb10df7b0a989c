import { Registry } from 'prom-client';
import { CedarEvaluator, DecisionMemo } from '#policy';
import { failure, generateSealKeys, limits } from '#protocol';
import type { JobRequest, JobResult, JobStream } from '#wire';
import { CountingIds, uuidOf } from '../examples.js';
import type { ExampleWorld, ManualClock, MemoryLog } from '../examples.js';
import { OfferBook } from '../market/offer-book.js';
import { AnswerCache } from './answer-cache.js';
import { CacheSalts } from './cache-salts.js';
import { Decider } from './decide.js';
import { DecisionCounter } from './decision-counter.js';
import { Dispatcher } from './dispatch.js';
import { HedgeShares } from './hedge.js';
import { LeaseIssuer } from './lease-issuer.js';
import type { Lease, LeaseRequest } from './lease-issuer.js';
import { Limiter } from './limit.js';
import { Persons } from './persons.js';
import { Placement } from './place.js';
import { Recorder } from './record.js';
import { RequestPipeline } from './request-pipeline.js';
import { RequestRecords } from './request-records.js';
import { LeaseBook } from './reserve.js';
import { RetryBudget } from './retry-budget.js';
import { SemanticCache } from './semantic-cache.js';
import { Steps } from './step-telemetry.js';
import { TenantSealers } from './tenant-sealers.js';

/** The key of everybody whom data is about. */
export const personKeys = generateSealKeys();
export const personKeyId = uuidOf(0x60);

/** One grant of `available`, then none. */
export class OneLease extends LeaseIssuer {
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

export class EndlessLeases extends OneLease {
  override acquire = async (): Promise<Lease> => ({ lease: uuidOf(0x50), budget: uuidOf(0x51), amountNanos: 10_000_000n, fence: 3, ttlMs: 30_000 });
}

export interface ExamplePipeline {
  readonly pipeline: RequestPipeline;
  readonly leases: LeaseBook;
}

/** A pipeline over an example world, whose machines answer as `run` does. */
export function examplePipeline(world: ExampleWorld, log: MemoryLog, clock: ManualClock, issuer: LeaseIssuer, run: (request: JobRequest) => Promise<JobResult>, stream: (request: JobRequest) => Promise<JobStream> = noStreams(run)): ExamplePipeline {
  const book = new OfferBook(world.replicated);
  const placement = new Placement(book, clock, 0);
  const retries = new RetryBudget(clock);
  const leases = new LeaseBook(issuer, clock);
  const decisions = new DecisionCounter('gw-1', new CountingIds(), clock);
  const pipeline = new RequestPipeline({
    gateway: 'gw-1',
    limiter: new Limiter(world.replicated, { standing: () => ({ gateways: 1, rank: 0 }) }, clock),
    aliases: world.aliases,
    limits: world.limits,
    cache: new AnswerCache(clock),
    hedges: new HedgeShares(clock),
    semantic: new SemanticCache(clock),
    persons: new Persons('a pepper for tests', () => Promise.resolve({ keyId: personKeyId, publicKey: personKeys.publicKey.toString('base64') }), clock),
    retries,
    ids: new CountingIds(),
    durability: 'one-replica',
    deadlineMs: limits.requestDeadlineMs,
    streamDeadlineMs: limits.streamDeadlineMs,
    book,
    decider: new Decider(world.replicated, new DecisionMemo(new CedarEvaluator(4))),
    leases,
    placement,
    dispatcher: new Dispatcher({ run, stream }, placement, 10_000, retries, new CacheSalts('a secret of sixteen')),
    records: new RequestRecords(new TenantSealers(clock), clock, decisions),
    recorder: new Recorder(log, new CountingIds(), clock, decisions),
    steps: new Steps(new Registry()),
    clock,
  });
  return { pipeline, leases };
}

const noStreams = (run: (request: JobRequest) => Promise<JobResult>) => async (request: JobRequest): Promise<JobStream> => {
  await run(request);
  throw failure('ENGINE_FAILED', 'streams are tested in streaming.it.spec.ts');
};
