import { hash } from 'node:crypto';
import { currentTraceparent } from '#messaging';
import { askOf, chargeOf } from '#protocol';
import type { JobRequest, JobResult, JobStream } from '#wire';
import type { MarketOffer } from '../market/market-offer.js';
import { attemptFailure, canMoveOn, coolingMs, isCallersFault, slotOutcome, unserved } from './attempt-failure.js';
import type { Attempt } from './attempt-failure.js';
import type { CacheSalts } from './cache-salts.js';
import { conversationOf } from './inference-job.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import { asShown, madeOf, madeUntil } from './made.js';
import type { Made } from './made.js';
import { openStream } from './open-stream.js';
import type { OpenedStream } from './open-stream.js';
import type { Placement, Slot } from './place.js';
import type { RetryBudget } from './retry-budget.js';
import { checkUsage } from './upper-bound.js';

/** Runs one job on one node: whole, or as it comes. */
export abstract class NodeRunner {
  abstract run(request: JobRequest): Promise<JobResult>;
  abstract stream(request: JobRequest): Promise<JobStream>;
}

/** How a job ended. */
export type Dispatched =
  | { readonly outcome: 'ok'; readonly offer: MarketOffer; readonly made: Made; readonly answer: Omit<InferenceAnswer, 'record'>; readonly attempts: readonly Attempt[] }
  | { readonly outcome: 'failed' | 'cancelled' | 'cut'; readonly offer: MarketOffer; readonly made: Made | null; readonly error: unknown; readonly attempts: readonly Attempt[] };

/** A stream whose first event is here. Its slot is still taken. */
export interface Opened {
  readonly outcome: 'opened';
  readonly offer: MarketOffer;
  readonly slot: Slot;
  readonly stream: OpenedStream;
  readonly attempts: readonly Attempt[];
}

/** Step 6: runs the job where it was placed; before the first byte a failure moves it to the next offer. */
export class Dispatcher {
  /** `firstEventMs`: how long one machine may take to the first event of a stream. */
  constructor(
    private readonly nodes: NodeRunner,
    private readonly placement: Pick<Placement, 'place'>,
    private readonly firstEventMs: number,
    private readonly retries: RetryBudget,
    private readonly salts: CacheSalts,
  ) {}

  /** Never throws: how it ended is the answer. A job that streams comes back opened, unless it ended before its first event. */
  async dispatch(job: InferenceJob, permitted: readonly MarketOffer[], first: Slot, deadlineMs: number, signal: AbortSignal): Promise<Dispatched | Opened> {
    const attempts: Attempt[] = [];
    const tried = new Set<string>();
    let slot = first;
    for (;;) {
      const { offer } = slot;
      tried.add(offer.id);
      try {
        return await this.attempt(job, slot, jobFor(job, offer, deadlineMs, signal, this.salts.of(job.tenant.tenant)), attempts);
      } catch (error) {
        if (signal.aborted) {
          slot.done('cancelled');
          const made = madeUntil(job, error);
          return { outcome: 'cancelled', offer, made, error: signal.reason, attempts: made ? [...attempts, { offer: offer.id, node: offer.entry.node, outcome: 'ok' }] : attempts };
        }
        slot.done(slotOutcome(error), coolingMs(error));
        attempts.push({ offer: offer.id, node: offer.entry.node, ...attemptFailure(error) });
        if (!canMoveOn(error)) return { outcome: 'failed', offer, made: null, error: isCallersFault(error) ? error : unserved(attempts), attempts };
        const next = this.retries.spend(job.tenant.tenant) ? await this.placement.place(permitted, tried, job.bound, signal, conversationOf(job)).catch(() => undefined) : undefined;
        if (!next) return { outcome: signal.aborted ? 'cancelled' : 'failed', offer, made: null, error: unserved(attempts), attempts };
        slot = next;
      }
    }
  }

  private async attempt(job: InferenceJob, slot: Slot, request: JobRequest, before: readonly Attempt[]): Promise<Dispatched | Opened> {
    const { offer } = slot;
    if (job.streamed !== undefined) {
      const stream = await openStream(this.nodes, request, job.streamed.form(), this.firstEventMs);
      slot.answering();
      return { outcome: 'opened', offer, slot, stream, attempts: before };
    }
    const result = await this.nodes.run(request);
    checkUsage(result.usage, job.bound);
    const { status, contentType } = result;
    const answer = { status, contentType, body: await job.adapt(result.body), engineBody: result.body };
    if (job.measured !== undefined) checkUsage(result.usage, { ...job.bound, meters: job.measured(result.body) });
    slot.done('ok');
    const claimed = madeOf(result, hash('sha256', result.body));
    const shown = job.shown?.(result.body);
    const made = shown === undefined ? claimed : asShown(claimed, shown + (job.unshownTokens ?? 0));
    return { outcome: 'ok', offer, made, answer, attempts: [...before, { offer: offer.id, node: offer.entry.node, outcome: 'ok' }] };
  }
}

function jobFor(job: InferenceJob, offer: MarketOffer, deadlineMs: number, signal: AbortSignal, cacheSalt: string): JobRequest {
  return {
    node: offer.entry.node,
    nodePublicKey: offer.entry.publicKey,
    url: offer.entry.publicUrl,
    record: job.id,
    offer: offer.id,
    model: job.model,
    endpoint: job.endpoint,
    body: job.body,
    deadlineMs,
    traceparent: currentTraceparent(),
    cacheSalt,
    worthNanos: chargeOf(job.bound, askOf(offer.price)),
    signal,
  };
}
