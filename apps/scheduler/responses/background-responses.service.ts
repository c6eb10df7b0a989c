import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { assert, Clock } from '#kernel';
import { keyText, madeOf, openUnder, sealUnder } from '#objects';
import { backgroundLimits, failure, isEnded, limits } from '#protocol';
import type { Appended, BackgroundState, backgroundCalls, ClaimedResponse, ReplyOf, RequestOf } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import type { Scope } from '../files/files.store.js';
import type { GatewayWork, LossTimes, PutBack } from '../jobs/gateway-work.js';
import { notHeld, retryDelayMs } from '../jobs/job.js';
import type { Job } from '../jobs/job.js';
import { JobStore } from '../jobs/jobs.store.js';
import type { Held } from '../jobs/jobs.store.js';
import { wholeOf } from '../objects/bounded.js';
import { ContentKeys } from '../objects/content-keys.service.js';
import { Transfers } from '../objects/transfers.js';
import { appendedOf, failureOf, rerunMsOf, responseRecord, takenEvents } from './background-response.js';
import type { BroughtEvents } from './background-response.js';
import { BackgroundResponseStore } from './background-responses.store.js';
import type { BackgroundResponse } from './background-responses.store.js';

type Calls = typeof backgroundCalls;

const kind = 'response.run';

/** Responses in the background: a job each, whose id is the response's, and the log of their events. */
@Injectable()
export class BackgroundResponses implements GatewayWork {
  private readonly logger = new Logger(BackgroundResponses.name);

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(JobStore) private readonly jobs: JobStore,
    @Inject(BackgroundResponseStore) private readonly responses: BackgroundResponseStore,
    @Inject(ContentKeys) private readonly keys: ContentKeys,
    @Inject(Transfers) private readonly transfers: Transfers,
  ) {}

  /** Queues the job of a response whose content is stored, in the same transaction; does nothing for one that ran at once. */
  async queue(manager: EntityManager, tenant: string, id: string): Promise<void> {
    if (!(await this.responses.isBackground(manager, id))) return;
    await this.jobs.enqueue(manager, [{ id, tenant, kind, owner: id, payload: {} }], this.clock.nowMs());
  }

  async claim({ gateway, max, runMs }: RequestOf<Calls['claimResponses']>): Promise<ReplyOf<Calls['claimResponses']>> {
    const leaseMs = this.config.SCHEDULER_LINE_LEASE_MS;
    const jobs = await withTenant(this.dataSource, '*', (manager) => this.jobs.claim(manager, [kind], gateway, max, this.clock.nowMs(), leaseMs));
    // Each in a transaction of its own: one holds the response's row first, and the claim held the job's.
    const begun = await Promise.all(jobs.map((job) => this.begin(job, runMs).catch((error: unknown) => this.unclaim(job, error))));
    return { leaseMs, responses: begun.filter((one) => one !== undefined) };
  }

  /** What an earlier run left open longer ago than it may be repeated is lost again: the books say what becomes of it. */
  private begin(job: Job, runMs: number): Promise<ClaimedResponse | undefined> {
    const { id, tenant, fence, attempt, generation, claimedAtMs } = job;
    return withTenant(this.dataSource, tenant, async (manager) => {
      const response = await this.responses.lock(manager, id);
      const held = { job: id, fence };
      if (!isWanted(response)) return void (await this.jobs.move(manager, held, 'dead', { reason: 'not_wanted' }));
      const nowMs = this.clock.nowMs();
      const span = response.span ?? { sinceMs: claimedAtMs, untilMs: claimedAtMs + runMs };
      if (response.span !== null && nowMs - span.sinceMs > rerunMsOf(span)) return void (await this.jobs.move(manager, held, 'lost', { runAfterMs: nowMs }));
      if (response.span === null) await this.responses.setSpan(manager, id, span);
      await this.responses.enter(manager, id, 'in_progress');
      const { project, keyId, declared, createdAtMs, events, eventBytes } = response;
      const url = this.transfers.urlFor({ may: 'run-response', tenant, id, fence });
      return { ...{ job: id, fence, attempt, record: responseRecord(id, generation), tenant, project, keyId, declared, createdAtMs, events, eventBytes, url }, remainingMs: Math.max(0, span.untilMs - nowMs) };
    });
  }

  /** One that could not be begun keeps no other: no gateway has heard of it, and it is claimed again later. */
  private async unclaim({ id, tenant, fence, attempt }: Job, error: unknown): Promise<undefined> {
    this.logger.error(`response ${id} could not be begun: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    const runAfterMs = this.clock.nowMs() + retryDelayMs(attempt, Math.random());
    await withTenant(this.dataSource, tenant, (manager) => this.jobs.move(manager, { job: id, fence }, 'queued', { runAfterMs })).catch(() => undefined);
  }

  /** Whether the job is held under that fence. Error: CONFLICT. */
  async assertHeld(tenant: string, held: Held): Promise<void> {
    if (!(await withTenant(this.dataSource, tenant, (manager) => this.jobs.held(manager, held)))) throw notHeld();
  }

  /**
   * Stores events of a run, with `end` and the job's end, all or nothing; sent again under the same fence it is the same. Errors: CONFLICT
   * when somebody else has the job or events are missing, BODY_TOO_LARGE, KMS_UNAVAILABLE, KMS_REFUSED.
   */
  async append(tenant: string, held: Held, brought: BroughtEvents, source: AsyncIterable<Uint8Array>): Promise<Appended> {
    const bytes = await wholeOf(source, backgroundLimits.appendBytesMax, 'response');
    // In two steps, so that no row and no connection waits for a KMS: the key stays the same, and everything else is looked at again.
    const appended = await this.appendUnder(null, tenant, held, brought, bytes);
    if (!('needsKeyOf' in appended)) return appended;
    const again = await this.appendUnder(await this.keyOf(appended.needsKeyOf), tenant, held, brought, bytes);
    assert(!('needsKeyOf' in again), 'the key is there');
    return again;
  }

  private appendUnder(key: Buffer | null, tenant: string, held: Held, brought: BroughtEvents, bytes: Buffer): Promise<Appended | { needsKeyOf: BackgroundResponse }> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const response = await this.responses.lock(manager, held.job);
      const job = await this.jobs.held(manager, held);
      if (!response) throw notHeld();
      if (!job) {
        const ended = await this.jobs.find(manager, held.job);
        if (ended?.state !== 'done' || ended.fence !== held.fence) throw notHeld();
        return appendedOf('known', response.status);
      }
      const taken = takenEvents(response, brought);
      if (taken === 'gap') throw failure('CONFLICT', `the next event of the response is number ${response.events}`);
      if (taken === 'stored' && key === null) return { needsKeyOf: response };
      if (taken === 'stored' && key !== null) await this.store(manager, response, brought, bytes, key);
      if (brought.end !== undefined && taken !== 'cancelled') await this.jobs.move(manager, held, 'done');
      return appendedOf(taken, response.status);
    });
  }

  private async store(manager: EntityManager, response: BackgroundResponse, { first, count, end }: BroughtEvents, bytes: Buffer, key: Buffer): Promise<void> {
    if (end === undefined && response.eventBytes + bytes.length > backgroundLimits.eventBytesMax) throw failure('BODY_TOO_LARGE', `the events of a response have at most ${backgroundLimits.eventBytesMax} bytes`);
    await this.responses.append(manager, response, count, bytes.length, sealUnder(key, `events ${response.id} ${first}`, bytes), end);
  }

  /** Events with higher numbers than `after`, as far as they are not too many for once. Errors: NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED. */
  async *eventsAfter(tenant: string, id: string, after: number): AsyncGenerator<Uint8Array> {
    for (let [at, bytes] = [after, 0]; bytes < backgroundLimits.readBytesMax; ) {
      const piece = await withTenant(this.dataSource, tenant, async (manager) => {
        const response = await this.responses.find(manager, { tenant, project: null }, id, this.clock.nowMs());
        if (!response) throw noSuchResponse(id);
        const found = await this.responses.eventsAfter(manager, id, at);
        return found && { ...found, response };
      });
      if (!piece) return;
      const text = openUnder(await this.keyOf(piece.response), `events ${id} ${piece.first}`, piece.sealed);
      [at, bytes] = [piece.last, bytes + text.length];
      yield text;
    }
  }

  /** Forgotten with the key of the content, and never the same as that. The same one whatever content key it is brought under meanwhile. Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  private async keyOf({ tenant, id, wrappedKey }: BackgroundResponse): Promise<Buffer> {
    assert(wrappedKey !== null, 'a response that is stored has a key');
    return madeOf(await this.keys.unwrap(tenant, keyText({ tenant, id }), wrappedKey), 'response-events');
  }

  /** Where one stands; undefined for one that is none in the background, or not there. */
  async stateOf(manager: EntityManager, scope: Scope, id: string): Promise<BackgroundState | undefined> {
    const found = await this.responses.find(manager, scope, id, this.clock.nowMs());
    if (!found) return undefined;
    const { status, error, events, isTold, isOver } = found;
    return { status, error, events, isTold, isOver: isEnded(status) && (isTold || isOver), eventsUrl: this.transfers.urlFor({ may: 'get-response-events', tenant: scope.tenant, id }) };
  }

  /** One that waits is dropped, one that runs hears of it; one that has ended stays as it is. Error: REQUEST_INVALID when it is none in the background. */
  async cancel(manager: EntityManager, scope: Scope, id: string): Promise<BackgroundState> {
    await this.responses.lock(manager, id);
    if (!(await this.stateOf(manager, scope, id))) throw failure('REQUEST_INVALID', 'only a response in the background can be cancelled');
    if (await this.responses.enter(manager, id, 'cancelled')) await this.jobs.drop(manager, id, kind, 'cancelled');
    return (await this.stateOf(manager, scope, id))!;
  }

  async lock(manager: EntityManager, job: string): Promise<void> {
    await this.responses.lock(manager, job);
  }

  recordOf({ owner }: Pick<Job, 'owner'>, generation: number): string {
    return responseRecord(owner, generation);
  }

  /** Repeated under its record while at least half of its time is left; put back at once, and so dropped, when nobody wants it any more. */
  async lossTimes(manager: EntityManager, { id, claimedAtMs, leaseUntilMs }: Job): Promise<LossTimes> {
    const response = await this.responses.lock(manager, id);
    const closedAfterMs = limits.streamDeadlineMs + limits.admissionGraceMs;
    if (!isWanted(response)) return { claimedAtMs, leaseUntilMs, rerunMs: Number.POSITIVE_INFINITY, closedAfterMs };
    const { span } = response;
    if (span === null) return { claimedAtMs, leaseUntilMs, rerunMs: 0, closedAfterMs };
    return { claimedAtMs: span.sinceMs, leaseUntilMs: span.untilMs, rerunMs: rerunMsOf(span), closedAfterMs: limits.admissionGraceMs };
  }

  async putBack(manager: EntityManager, held: Held, job: Job, { runAfterMs, generation, record, code }: PutBack): Promise<void> {
    const response = await this.responses.lock(manager, job.id);
    if (!isWanted(response)) return void (await this.jobs.move(manager, held, 'dead', { reason: 'not_wanted' }));
    const isOfEarlierRun = response.span !== null && response.span.sinceMs !== job.claimedAtMs;
    const isOpen = record === 'open' || (record === 'untouched' && isOfEarlierRun);
    if (!isOpen && code !== undefined && job.attempt >= backgroundLimits.attemptsMax) return this.giveUp(manager, held, job, code);
    await this.jobs.move(manager, held, 'queued', { ...(runAfterMs !== undefined && { runAfterMs }), ...(generation !== undefined && { generation }) });
    await this.responses.enter(manager, job.id, 'queued');
    if (!isOpen) await this.responses.setSpan(manager, job.id, null);
  }

  async giveUp(manager: EntityManager, held: Held, { id }: Job, code: string): Promise<void> {
    await this.jobs.move(manager, held, 'dead', { reason: code });
    await this.responses.enter(manager, id, 'failed', failureOf(code));
  }

  async revoke(manager: EntityManager, held: Held, job: Job): Promise<void> {
    await this.giveUp(manager, held, job, 'api_key_revoked');
  }
}

const isWanted = (response: BackgroundResponse | undefined): response is BackgroundResponse => response !== undefined && !response.isGone && !isEnded(response.status);

const noSuchResponse = (id: string): Error => failure('NOT_FOUND', 'there is no such response', { id });
