import { currentTraceparent } from '#messaging';
import type { CompletedFacts } from '#protocol';
import type { JobRequest, JobResult } from '#wire';
import type { MarketOffer } from '../market/market-offer.js';
import { attemptFailure, canMoveOn, isCallersFault, slotOutcome, unserved } from './attempt-failure.js';
import type { InferenceJob } from './inference-job.js';
import type { Placement, Slot } from './place.js';
import { checkUsage } from './upper-bound.js';

export type Attempt = CompletedFacts['attempts'][number];

/** Runs one job on one node. */
export abstract class NodeRunner {
  abstract run(request: JobRequest): Promise<JobResult>;
}

export type Dispatched =
  | { readonly outcome: 'ok'; readonly offer: MarketOffer; readonly result: JobResult; readonly answer: Buffer; readonly attempts: readonly Attempt[] }
  | { readonly outcome: 'failed' | 'cancelled'; readonly offer: MarketOffer; readonly error: unknown; readonly attempts: readonly Attempt[] };

/** Step 6: runs the job where it was placed; before the first byte a failure moves it to the next offer. */
export class Dispatcher {
  constructor(
    private readonly nodes: NodeRunner,
    private readonly placement: Pick<Placement, 'place'>,
  ) {}

  /** Never throws: how it ended is the answer. */
  async dispatch(job: InferenceJob, permitted: readonly MarketOffer[], first: Slot, deadlineMs: number, signal: AbortSignal): Promise<Dispatched> {
    const attempts: Attempt[] = [];
    const tried = new Set<string>();
    let slot = first;
    for (;;) {
      const { offer } = slot;
      tried.add(offer.id);
      try {
        const result = await this.nodes.run(jobFor(job, offer, deadlineMs, signal));
        checkUsage(result.usage, job.bound);
        const answer = job.adapt(result.body);
        slot.done('ok');
        attempts.push({ offer: offer.id, node: offer.entry.node, outcome: 'ok' });
        return { outcome: 'ok', offer, result, answer, attempts };
      } catch (error) {
        if (signal.aborted) {
          slot.done('cancelled');
          return { outcome: 'cancelled', offer, error, attempts };
        }
        slot.done(slotOutcome(error));
        attempts.push({ offer: offer.id, node: offer.entry.node, ...attemptFailure(error) });
        if (!canMoveOn(error)) return { outcome: 'failed', offer, error: isCallersFault(error) ? error : unserved(attempts), attempts };
        const next = await this.placement.place(permitted, tried, job.bound, signal).catch(() => undefined);
        if (!next) return { outcome: signal.aborted ? 'cancelled' : 'failed', offer, error: unserved(attempts), attempts };
        slot = next;
      }
    }
  }
}

function jobFor(job: InferenceJob, offer: MarketOffer, deadlineMs: number, signal: AbortSignal): JobRequest {
  return {
    node: offer.entry.node,
    nodePublicKey: offer.entry.publicKey,
    record: job.id,
    offer: offer.id,
    model: job.model,
    endpoint: job.endpoint,
    body: job.body,
    deadlineMs,
    traceparent: currentTraceparent(),
    signal,
  };
}
