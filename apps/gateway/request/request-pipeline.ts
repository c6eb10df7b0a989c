import { createHash } from 'node:crypto';
import { DomainError, isDomainError } from '#kernel';
import type { Clock } from '#kernel';
import { failure } from '#protocol';
import type { DecisionFields } from '#protocol';
import type { OfferBook } from '../market/offer-book.js';
import { Admission } from './admission.js';
import { holdAffordable } from './affordable.js';
import type { AdmissionParts } from './admission.js';
import { classify } from './classify.js';
import type { Decided } from './decided.js';
import type { Decider } from './decide.js';
import { fieldsOfDecision } from './decision-fields.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import type { Hold } from './lease-account.js';
import type { Placement, Slot } from './place.js';
import { recorded } from './recorded.js';

export interface PipelineParts extends AdmissionParts {
  readonly book: OfferBook;
  readonly decider: Decider;
  readonly placement: Placement;
  readonly clock: Clock;
  readonly durability: DecisionFields['durability'];
  /** From admission to the latest possible completion. */
  readonly deadlineMs: number;
  /** The same for streams. */
  readonly streamDeadlineMs: number;
}

/** The steps of a request in order, from a parsed job to its answer. Authentication went before, settlement comes after. */
export class RequestPipeline {
  private readonly admission: Admission;

  constructor(private readonly parts: PipelineParts) {
    this.admission = new Admission(parts);
  }

  /**
   * Errors: MODEL_NOT_FOUND, POLICY_DENIED, BUDGET_EXHAUSTED, BUDGET_MISSING, NO_OFFER, NO_CAPACITY, NODE_UNREACHABLE, NODE_PROTOCOL,
   * ENGINE_FAILED, ENGINE_REFUSED, DEADLINE_EXCEEDED, RECORD_UNAVAILABLE, SERVICE_UNAVAILABLE. Those that were recorded carry `details.record`.
   */
  async run(job: InferenceJob): Promise<InferenceAnswer> {
    try {
      const answer = await this.serve(job);
      this.parts.steps.ended(job.endpoint, 'ok');
      return answer;
    } catch (error) {
      this.parts.steps.ended(job.endpoint, error instanceof DomainError ? error.code : 'INTERNAL');
      throw error;
    }
  }

  private async serve(job: InferenceJob): Promise<InferenceAnswer> {
    this.parts.recorder.assertAvailable();
    const { decided, hold } = await this.reserve(await this.decide(job));
    let slot: Slot | undefined;
    try {
      slot = await this.place(decided);
      return await this.admission.run(decided, hold, slot);
    } finally {
      // Whatever ended the request early gives place and reservation back; what was settled stays settled.
      slot?.done('cancelled');
      this.parts.leases.settle(hold, 0n);
    }
  }

  private async decide(job: InferenceJob): Promise<Decided> {
    const { steps, book, decider, clock, durability, deadlineMs, streamDeadlineMs } = this.parts;
    const offers = book.serving(job.model, job.endpoint);
    if (offers.length === 0) throw failure('MODEL_NOT_FOUND', `no machine offers the model "${job.model}" for ${job.endpoint}`, { param: 'model' });
    const classification = await steps.run('classify', () => classify(job));
    const decision = await steps.run('decide', () => decider.decide(job, classification, offers));
    const decided: Decided = {
      job,
      decision,
      fields: fieldsOfDecision(job, classification, decision, durability),
      requestHash: createHash('sha256').update(job.body).digest('hex'),
      deadlineMs: clock.nowMs() + (job.streamed === undefined ? deadlineMs : streamDeadlineMs),
    };
    if (decision.decision === 'deny') {
      const told = decision.policies.map(({ id, reason }) => `${id}: ${reason}`).join('; ');
      throw await this.refuse(decided, failure('POLICY_DENIED', `no machine may run this request. ${told}`, { policies: decision.policies }));
    }
    return decided;
  }

  /** What the hold does not cover is out of reach for this job from here on. */
  private async reserve(decided: Decided): Promise<{ decided: Decided; hold: Hold }> {
    const { tenant, project, bound } = decided.job;
    try {
      const { hold, offers } = await this.parts.steps.run('reserve', () => holdAffordable(this.parts.leases, tenant.tenant, project.id, bound, decided.decision.permitted));
      return { hold, decided: { ...decided, decision: { ...decided.decision, permitted: offers } } };
    } catch (error) {
      if (isDomainError(error, 'BUDGET_EXHAUSTED') || isDomainError(error, 'BUDGET_MISSING')) throw await this.refuse(decided, error);
      throw error;
    }
  }

  private async place({ job, decision }: Decided): Promise<Slot> {
    const slot = await this.parts.steps.run('place', () => this.parts.placement.place(decision.permitted, new Set(), job.bound, job.signal));
    if (!slot) throw failure('NO_OFFER', 'no permitted machine is up; try again shortly');
    return slot;
  }

  /** Records a refusal, then gives the error to throw. Error: RECORD_UNAVAILABLE. */
  private async refuse({ job, fields, requestHash }: Decided, error: DomainError): Promise<DomainError> {
    const record = this.parts.records.refused(job.tenant, job.id, fields, requestHash, error);
    await this.parts.steps.run('record.refused', () => this.parts.recorder.commit(record));
    return recorded(error, job.id);
  }
}
