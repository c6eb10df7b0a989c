import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, FactoryProvider, OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Clock, Ids } from '#kernel';
import { Bus, Caller, Publisher, Replicas } from '#messaging';
import { AllowList, guardedAgent, outboundTarget } from '#outbound';
import { CedarEvaluator, DecisionMemo } from '#policy';
import { failure } from '#protocol';
import type { ClaimedLine, ClaimedResponse } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import { httpDial, NodeClient } from '#wire';
import { AdminReads } from './access/admin-reads.js';
import { ProjectScope } from './access/project-scope.js';
import { KeysById } from './jobs/keys-by-id.js';
import { LineQueue } from './batches/line-queue.js';
import { LineRunner } from './batches/line-runner.js';
import type { GatewayConfig } from './config.js';
import { LiveGateways } from './limits/live-gateways.js';
import { Presence } from './limits/presence.js';
import { BucketClaims } from './idempotency/claim-store.js';
import { Once } from './idempotency/once.js';
import { ImageInliner } from './images/inline-images.js';
import { JobWorker } from './jobs/job-worker.js';
import { Leaving } from './jobs/run-ends.js';
import { PublishedLog } from './log/published-log.js';
import { OfferBook } from './market/offer-book.js';
import { Inference } from './openai/inference.js';
import { Replicated } from './replicated.js';
import { AnswerCache } from './request/answer-cache.js';
import { Authenticator } from './request/authenticate.js';
import { CacheSalts } from './request/cache-salts.js';
import { Decider } from './request/decide.js';
import { DecisionCounter } from './request/decision-counter.js';
import { Dispatcher } from './request/dispatch.js';
import { HedgeShares } from './request/hedge.js';
import { Persons } from './request/persons.js';
import { BillingLeases } from './request/lease-issuer.js';
import { LeaseRecalls } from './request/lease-recalls.js';
import { Limiter } from './request/limit.js';
import { Placement } from './request/place.js';
import { Recorder } from './request/record.js';
import { RequestPipeline } from './request/request-pipeline.js';
import { RequestRecords } from './request/request-records.js';
import { ExposureGuard } from './request/exposure-guard.js';
import { LeaseBook } from './request/reserve.js';
import { RetryBudget } from './request/retry-budget.js';
import { SemanticCache } from './request/semantic-cache.js';
import { Steps } from './request/step-telemetry.js';
import { StreamLog } from './request/stream-log.js';
import { TenantSealers } from './request/tenant-sealers.js';
import { BackgroundResponses } from './responses/background-responses.js';
import { PlannedResponses } from './responses/planned-responses.js';
import { ResponseQueue } from './responses/response-queue.js';
import { ResponseRunner } from './responses/response-runner.js';
import { StoredResponses } from './responses/stored-responses.js';
import { PaymentAttempts } from './x402/payment-attempts.js';
import { SalesCounter } from './x402/sales-counter.js';
import { SellerKey } from './x402/seller-key.js';

class LineWorker extends JobWorker<ClaimedLine> {}
class ResponseWorker extends JobWorker<ClaimedResponse> {}

/** How soon a response that runs here hears that another gateway cancelled it. */
const unwantedMs = 1_000;

/** The gateway's parts and what each is made of. It listens once its replicas are complete. */
export const parts: FactoryProvider[] = [
  { provide: Replicated, inject: [Replicas], useFactory: (replicas: Replicas) => Replicated.load(replicas) },
  { provide: OfferBook, inject: [Replicated], useFactory: (replicated: Replicated) => new OfferBook(replicated) },
  {
    provide: Authenticator,
    inject: [Replicated, SERVICE_CONFIG, Clock],
    useFactory: (replicated: Replicated, config: GatewayConfig, clock: Clock) => new Authenticator(replicated, config.KEY_PEPPER, clock),
  },
  {
    provide: LeaseBook,
    inject: [Caller, SERVICE_CONFIG, Clock, Replicated, LiveGateways],
    useFactory: (caller: Caller, config: GatewayConfig, clock: Clock, { exposures }: Replicated, live: LiveGateways) =>
      new LeaseBook(new BillingLeases(caller, config.GATEWAY_ID), clock, new ExposureGuard(exposures, clock, config.DEPOSIT_REQUIRED, live)),
  },
  { provide: LeaseRecalls, inject: [Bus, SERVICE_CONFIG, LeaseBook], useFactory: (bus: Bus, config: GatewayConfig, book: LeaseBook) => new LeaseRecalls(bus.connection, config.GATEWAY_ID, book) },
  { provide: DecisionCounter, inject: [SERVICE_CONFIG, Ids, Clock], useFactory: (config: GatewayConfig, ids: Ids, clock: Clock) => new DecisionCounter(config.GATEWAY_ID, ids, clock) },
  {
    provide: Recorder,
    inject: [Bus, Publisher, Ids, Clock, DecisionCounter],
    useFactory: (bus: Bus, publisher: Publisher, ids: Ids, clock: Clock, decisions: DecisionCounter) => new Recorder(new StreamLog(bus, publisher), ids, clock, decisions),
  },
  { provide: AdminReads, inject: [Replicated, Recorder, Ids, Clock], useFactory: (replicated: Replicated, recorder: Recorder, ids: Ids, clock: Clock) => new AdminReads(replicated.tenants, recorder, ids, clock) },
  {
    provide: NodeClient,
    inject: [Bus, SERVICE_CONFIG],
    useFactory: (bus: Bus, config: GatewayConfig) => {
      const allowed = new AllowList(config.NODE_OUTBOUND_ALLOW);
      return NodeClient.connect(bus.connection, config.GATEWAY_ID, { dial: httpDial(guardedAgent(allowed), (url) => outboundTarget(url, allowed)) });
    },
  },
  { provide: LiveGateways, inject: [SERVICE_CONFIG, Clock], useFactory: (config: GatewayConfig, clock: Clock) => new LiveGateways(config.GATEWAY_ID, clock) },
  { provide: Presence, inject: [Bus, SERVICE_CONFIG, LiveGateways], useFactory: (bus: Bus, config: GatewayConfig, live: LiveGateways) => Presence.join(bus, config.GATEWAY_ID, live) },
  { provide: Limiter, inject: [Replicated, LiveGateways, Clock], useFactory: (replicated: Replicated, live: LiveGateways, clock: Clock) => new Limiter(replicated, live, clock) },
  { provide: Persons, inject: [Caller, SERVICE_CONFIG, Clock], useFactory: (caller: Caller, config: GatewayConfig, clock: Clock) => Persons.asking(caller, config.KEY_PEPPER, clock) },
  {
    provide: RequestPipeline,
    inject: [Replicated, OfferBook, LeaseBook, Recorder, NodeClient, SERVICE_CONFIG, Clock, Limiter, Ids, DecisionCounter, Persons],
    useFactory: (replicated: Replicated, book: OfferBook, leases: LeaseBook, recorder: Recorder, nodes: NodeClient, config: GatewayConfig, clock: Clock, limiter: Limiter, ids: Ids, decisions: DecisionCounter, persons: Persons) => {
      const placement = new Placement(book, clock, config.PLACEMENT_WAIT_MS);
      const retries = new RetryBudget(clock);
      return new RequestPipeline({
        gateway: config.GATEWAY_ID,
        limiter,
        aliases: replicated.aliases,
        limits: replicated.limits,
        cache: new AnswerCache(clock),
        hedges: new HedgeShares(clock),
        semantic: new SemanticCache(clock),
        persons,
        ids,
        durability: config.RECORD_DURABILITY,
        deadlineMs: config.REQUEST_DEADLINE_MS,
        streamDeadlineMs: config.STREAM_DEADLINE_MS,
        book,
        decider: new Decider(replicated, new DecisionMemo(new CedarEvaluator())),
        leases,
        placement,
        dispatcher: new Dispatcher(nodes, placement, config.FIRST_EVENT_MS, retries, new CacheSalts(config.KEY_PEPPER)),
        retries,
        records: new RequestRecords(new TenantSealers(clock), clock, decisions),
        recorder,
        steps: new Steps(),
        clock,
      });
    },
  },
  { provide: Once, inject: [Bus, Clock], useFactory: (bus: Bus, clock: Clock) => new Once(new BucketClaims(bus), clock) },
  {
    provide: SalesCounter,
    inject: [Caller, RequestPipeline, Once, Clock, SERVICE_CONFIG],
    useFactory: (caller: Caller, pipeline: RequestPipeline, once: Once, clock: Clock, config: GatewayConfig) =>
      new SalesCounter(caller, pipeline, once, clock, new SellerKey(config.X402_KEY, config.X402_KEY_FILE, () => clock.monotonicMs()), new PaymentAttempts(clock), { markupPercent: config.X402_MARKUP_PERCENT, deadlineMs: config.REQUEST_DEADLINE_MS }),
  },
  {
    provide: Inference,
    inject: [Replicated, RequestPipeline, Once, Authenticator, Persons, SalesCounter, SERVICE_CONFIG],
    useFactory: (replicated: Replicated, pipeline: RequestPipeline, once: Once, authenticator: Authenticator, persons: Persons, counter: SalesCounter, config: GatewayConfig) =>
      new Inference(replicated, pipeline, once, authenticator, persons, counter, { commentMs: config.STREAM_COMMENT_MS, deadlineMs: config.REQUEST_DEADLINE_MS, streamDeadlineMs: config.STREAM_DEADLINE_MS }),
  },
  { provide: ImageInliner, inject: [SERVICE_CONFIG], useFactory: (config: GatewayConfig) => new ImageInliner(new AllowList(config.OUTBOUND_ALLOW)) },
  { provide: PublishedLog, inject: [Caller, Clock], useFactory: (caller: Caller, clock: Clock) => new PublishedLog(caller, clock) },
  { provide: StoredResponses, inject: [Caller, Replicated, Clock], useFactory: (caller: Caller, replicated: Replicated, clock: Clock) => new StoredResponses(caller, replicated, clock) },
  {
    provide: PlannedResponses,
    inject: [StoredResponses, ProjectScope, Replicated],
    useFactory: (stored: StoredResponses, scope: ProjectScope, replicated: Replicated) => new PlannedResponses(stored, scope, replicated),
  },
  { provide: ProjectScope, inject: [Replicated, Persons], useFactory: (replicated: Replicated, persons: Persons) => new ProjectScope(replicated, persons) },
  { provide: KeysById, inject: [Replicated], useFactory: (replicated: Replicated) => new KeysById(replicated) },
  {
    provide: LineWorker,
    inject: [Caller, Replicated, KeysById, RequestPipeline, ImageInliner, PlannedResponses, SERVICE_CONFIG, Clock],
    useFactory: (caller: Caller, replicated: Replicated, keys: KeysById, pipeline: RequestPipeline, images: ImageInliner, responses: PlannedResponses, config: GatewayConfig, clock: Clock) => {
      const queue = new LineQueue(caller, config.GATEWAY_ID, clock);
      return new LineWorker(queue, new LineRunner(queue, keys, replicated, pipeline, { images, responses }, clock), { what: 'lines of batches', atOnceMax: config.BATCH_LINES_MAX });
    },
  },
  {
    provide: ResponseWorker,
    inject: [Caller, Replicated, KeysById, RequestPipeline, ImageInliner, SERVICE_CONFIG, Clock],
    useFactory: (caller: Caller, replicated: Replicated, keys: KeysById, pipeline: RequestPipeline, images: ImageInliner, config: GatewayConfig, clock: Clock) => {
      const queue = new ResponseQueue(caller, config.GATEWAY_ID, clock, config.STREAM_DEADLINE_MS);
      return new ResponseWorker(queue, new ResponseRunner(queue, keys, replicated, pipeline, images, clock), { what: 'responses in the background', atOnceMax: config.BACKGROUND_RESPONSES_MAX, renewMs: unwantedMs });
    },
  },
  {
    provide: BackgroundResponses,
    inject: [StoredResponses, PlannedResponses, ProjectScope, Replicated, OfferBook, ResponseWorker, Once, Authenticator, SERVICE_CONFIG],
    useFactory: (stored: StoredResponses, planned: PlannedResponses, scope: ProjectScope, replicated: Replicated, book: OfferBook, worker: ResponseWorker, once: Once, authenticator: Authenticator, config: GatewayConfig) =>
      new BackgroundResponses(stored, planned, scope, replicated, book, worker, once, authenticator, { commentMs: config.STREAM_COMMENT_MS, deadlineMs: config.STREAM_DEADLINE_MS }),
  },
];

/** Jobs that run at a stop get this long to end: well over a sentence's embedding, within an orchestrator's usual 30 s. */
const drainMs = 15_000;
/** Streams that are not through by then are cut this long before, so that what they made is recorded. */
const cutMs = 2_500;
/** Responses in the background that still run then are left to other gateways before that. */
const leaveMs = 4_000;
/** Connections that are still open then are closed, whatever their clients have read. */
const closeMs = 1_000;

/** At a stop: running jobs end, what is left of leases goes back, what is owed to the log is written. */
@Injectable()
export class GatewayLifecycle implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly leases: LeaseBook,
    private readonly recorder: Recorder,
    private readonly nodes: NodeClient,
    private readonly lines: LineWorker,
    private readonly responses: ResponseWorker,
    private readonly presence: Presence,
    private readonly host: HttpAdapterHost,
  ) {}

  onApplicationBootstrap(): void {
    this.recorder.start();
    this.lines.start();
    this.responses.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    const jobs = Promise.all([this.lines.stop(), this.responses.stop()]);
    this.presence.leave();
    const left = setTimeout(() => this.responses.leave(new Leaving()), drainMs - leaveMs);
    const cut = setTimeout(() => this.nodes.interrupt(failure('SERVICE_UNAVAILABLE', 'this gateway is stopping')), drainMs - cutMs);
    // Also after the drain, for as long as the server waits for clients.
    setTimeout(() => this.host.httpAdapter.getInstance<FastifyInstance>().server.closeAllConnections(), drainMs - closeMs).unref();
    await this.leases.close(drainMs);
    clearTimeout(left);
    clearTimeout(cut);
    await Promise.race([jobs, new Promise((resolve) => setTimeout(resolve, drainMs).unref())]);
    await this.recorder.close();
    this.nodes.close();
  }
}
