import { hash } from 'node:crypto';
import { DomainError, isDomainError } from '#kernel';
import { failure } from '#protocol';
import type { AdmittedFacts, CompletedFacts } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { AdmissionParts } from './admission.js';
import { leastCost } from './affordable.js';
import type { Payer } from './affordable.js';
import type { Asked } from './decided.js';
import { admittedFacts } from './facts-of-admission.js';
import type { InferenceAnswer } from './inference-job.js';
import type { Hold } from './lease-account.js';
import { isOutOfMoney } from './out-of-money.js';
import { recorded } from './recorded.js';
import type { Similar } from './request-records.js';

/** What an answer that is given again costs. */
export interface HitPrice {
  /** Under whose price: no machine works for it. */
  readonly offer: MarketOffer;
  readonly nanos: bigint;
}

/** The least that a permitted machine's price version says; `undefined`: nothing is asked for it. */
export function hitPriceOf(permitted: readonly MarketOffer[]): HitPrice | undefined {
  let least: HitPrice | undefined;
  for (const offer of permitted) {
    const nanos = offer.price.meters?.cache_hits ?? 0n;
    if (nanos === 0n) return undefined;
    if (least === undefined || nanos < least.nanos || (nanos === least.nanos && offer.id < least.offer.id)) least = { offer, nanos };
  }
  return least;
}

/** Whether an answer may be given again: not where a run could be cheaper, which is what quotes say; nor where somebody may run it again under the same record, as a record is charged once. */
export function mayReuse({ job, decision }: Asked): boolean {
  const price = hitPriceOf(decision.permitted);
  return price === undefined || (job.mayBeRecorded !== true && price.nanos <= leastCost(job.bound, decision.permitted));
}

/** Answers that were given before, given again: nothing runs, the record says whose answer it is, and it costs what the price book asks for that. */
export class Reuse {
  constructor(private readonly parts: Pick<AdmissionParts, 'gateway' | 'leases' | 'recorder' | 'records' | 'steps' | 'clock'>) {}

  /** For nothing. Error: RECORD_UNAVAILABLE. */
  async free(asked: Asked, kept: InferenceAnswer, similar?: Similar): Promise<InferenceAnswer> {
    const { job, fields, requestHash, person } = asked;
    await this.parts.steps.run('record.reused', () => this.parts.recorder.commit(this.parts.records.reused(job.tenant, job.id, fields, requestHash, kept, { similar, facts: null }, { person, mayBeRecorded: job.mayBeRecorded })));
    return again(asked, kept, 0n, similar);
  }

  /** At a price, which its budget bears as any other. `refuse` records a refusal. Errors: RECORD_UNAVAILABLE, those of `LeaseBook.hold`. */
  async paid(asked: Asked, kept: InferenceAnswer, price: HitPrice, refuse: (error: DomainError) => Promise<DomainError>, payer: Payer, similar?: Similar): Promise<InferenceAnswer> {
    const { leases, steps } = this.parts;
    let hold: Hold;
    try {
      hold = await steps.run('reserve', () => leases.hold(payer.tenant, payer.project, price.nanos, payer.keyId));
    } catch (error) {
      throw isOutOfMoney(error) || isDomainError(error, 'BUDGET_MISSING') ? await refuse(error) : error;
    }
    try {
      await asked.job.charging?.begin();
      await this.record(asked, kept, price, hold, similar);
      leases.settle(hold, price.nanos);
      return again(asked, kept, price.nanos, similar);
    } finally {
      // Whatever ended it before anything was said gives the money back; what was settled stays settled.
      leases.settle(hold, 0n);
    }
  }

  /** Both records as an admitted request has them, the decision first. What may have arrived all the same is said again, and the hold counts as spent. */
  private async record(asked: Asked, kept: InferenceAnswer, { offer }: HitPrice, hold: Hold, similar: Similar | undefined): Promise<void> {
    const { job, fields, requestHash, person } = asked;
    const { records, recorder, steps, leases, clock } = this.parts;
    const nowMs = clock.nowMs();
    const facts = admittedFacts(asked, { gateway: this.parts.gateway, hold, offer, nowMs, deadlineMs: nowMs });
    const decision = records.reused(job.tenant, job.id, fields, requestHash, kept, { similar, facts, offer }, { person, mayBeRecorded: job.mayBeRecorded });
    const end = (outcome: 'reused' | 'failed') => records.completedReuse(job.tenant, fields, endOf(facts, outcome, outcome === 'reused' ? hold.amountNanos : 0n, hash('sha256', kept.engineBody), clock.nowMs()), offer);
    try {
      await steps.run('record.reused', () => recorder.commit(decision));
    } catch (error) {
      leases.settle(hold, hold.amountNanos);
      recorder.commitEventually(decision, nowMs);
      recorder.commitEventually(end('failed'), nowMs);
      throw error;
    }
    const charged = end('reused');
    try {
      await steps.run('record.completed', () => recorder.commit(charged));
    } catch (error) {
      leases.settle(hold, hold.amountNanos);
      recorder.commitEventually(charged, nowMs);
      throw recorded(error instanceof DomainError ? error : failure('INTERNAL', 'something went wrong here', {}, error), job.id);
    }
  }
}

const again = ({ job }: Asked, kept: InferenceAnswer, chargeNanos: bigint, similar: Similar | undefined): InferenceAnswer => ({
  ...kept,
  ...{ usage: { inputTokens: 0, outputTokens: 0 }, chargeNanos, record: job.id, isReused: true },
  ...(similar && { similarity: similar.similarity }),
});

function endOf({ record, tenant, project, budget, lease, offer, node, priceVersion }: AdmittedFacts, outcome: CompletedFacts['outcome'], chargeNanos: bigint, responseHash: string, nowMs: number): CompletedFacts {
  return {
    ...{ kind: 'completed', record, tenant, project, budget, lease, offer, node, priceVersion, outcome },
    usage: { inputTokens: 0, outputTokens: 0, ...(outcome === 'reused' && { meters: { cache_hits: 1 } }) },
    // No machine was asked: there is no fee of a request.
    usageSource: 'none',
    chargeNanos,
    responseHash: outcome === 'reused' ? responseHash : null,
    ...{ attempts: [], receipt: null, completedAtMs: nowMs, closedBy: 'gateway' },
  };
}
