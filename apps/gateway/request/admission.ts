import { assert, DomainError, LinkedAbort } from '#kernel';
import type { Clock } from '#kernel';
import { failure } from '#protocol';
import type { CompletedFacts, LogRecord } from '#protocol';
import type { Decided } from './decided.js';
import type { Dispatched, Dispatcher, Opened } from './dispatch.js';
import { admittedFacts } from './facts-of-admission.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import type { Hold } from './lease-account.js';
import { meter } from './meter.js';
import type { Slot } from './place.js';
import type { Recorder } from './record.js';
import type { RequestRecords } from './request-records.js';
import { recorded } from './recorded.js';
import { relayStream } from './relay-stream.js';
import type { LeaseBook } from './reserve.js';
import type { Steps } from './step-telemetry.js';
import type { StreamForm } from './streamed-job.js';

export interface AdmissionParts {
  readonly gateway: string;
  readonly leases: LeaseBook;
  readonly dispatcher: Dispatcher;
  readonly records: RequestRecords;
  readonly recorder: Recorder;
  readonly steps: Steps;
  readonly clock: Clock;
}

/**
 * An admitted job to its end: `admitted` is recorded beside the dispatch and durable before the first byte, `completed` before the last:
 * a whole answer leaves after both, a stream between them.
 */
export class Admission {
  constructor(private readonly parts: AdmissionParts) {}

  async run(decided: Decided, hold: Hold, slot: Slot): Promise<InferenceAnswer> {
    await decided.job.charging?.begin();
    const first = await this.begin(decided, hold, slot);
    try {
      return await this.toEnd(decided, hold, first);
    } catch (error) {
      // Admitted, and its end is not known to be durable: the books may hear of another one, so the hold counts as spent. What was settled stays settled.
      this.parts.leases.settle(hold, hold.amountNanos);
      throw error;
    }
  }

  private async toEnd(decided: Decided, hold: Hold, first: Dispatched | Opened): Promise<InferenceAnswer> {
    const { job, deadlineMs } = decided;
    const dispatched = first.outcome === 'opened' ? await this.parts.steps.run('relay', () => relayStream(job, job.streamed!, first, Math.max(0, deadlineMs - this.parts.clock.nowMs()))) : first;
    await this.keep(decided, dispatched);
    const { facts, record } = this.parts.steps.now('meter', () => this.completed(decided, hold, dispatched));
    assert(facts.chargeNanos <= hold.amountNanos, 'a job costs at most what was reserved');
    decided.tokens.settle(facts.usage.inputTokens + facts.usage.outputTokens);
    try {
      await this.commit('record.completed', record);
    } catch (error) {
      this.parts.recorder.commitEventually(record, deadlineMs);
      const told = recorded(error instanceof DomainError ? error : failure('INTERNAL', 'something went wrong here', {}, error), job.id);
      finish(decided, first, (form) => form.error(told));
      throw told;
    }
    this.parts.leases.settle(hold, facts.chargeNanos);
    if (facts.chargeNanos === 0n) job.charging?.free();
    if (dispatched.outcome === 'ok') {
      finish(decided, first, (form) => form.end(facts.usage));
      return { ...dispatched.answer, usage: facts.usage, chargeNanos: facts.chargeNanos, record: job.id };
    }
    const told = recorded(toldError(dispatched), job.id, facts.usage);
    finish(decided, first, (form) => form.error(told));
    throw told;
  }

  /** To the first byte, which waits for the record; a stream that stays open does not keep the record with it. */
  private async begin(decided: Decided, hold: Hold, slot: Slot): Promise<Dispatched | Opened> {
    const { job, decision, deadlineMs } = decided;
    const wanted = new LinkedAbort(job.signal);
    const dispatching = this.parts.steps.run('dispatch', () => this.parts.dispatcher.dispatch(job, decision.permitted, slot, deadlineMs, wanted.signal));
    // The job leaves at the end of this turn: the machine works while its record is sealed here, in the one after.
    const admission = nextTurn().then(nextTurn).then(() => this.parts.records.admitted(job.tenant, decided.fields, admittedFacts(decided, { gateway: this.parts.gateway, hold, offer: slot.offer, nowMs: this.parts.clock.nowMs(), deadlineMs }), slot.offer, { person: decided.person, mayBeRecorded: job.mayBeRecorded }));
    const admitted = admission.then((record) => this.commit('record.admitted', record));
    admitted.catch((error: unknown) => wanted.abort(error));
    const first = await dispatching;
    if (first.outcome !== 'opened') wanted.release();
    try {
      await admitted;
    } catch (error) {
      if (first.outcome === 'opened') first.slot.done('cancelled');
      const record = await admission;
      // It may have arrived all the same, and the books may end it from its machine's receipt: the hold counts as spent.
      this.parts.leases.settle(hold, hold.amountNanos);
      // It is said again, with an end without a charge, whenever the stream is back.
      this.parts.recorder.commitEventually(record, deadlineMs);
      this.parts.recorder.commitEventually(this.completed(decided, hold, cancelled(first, error)).record, deadlineMs);
      throw error;
    }
    return first;
  }

  /** What cannot be kept is left to whoever has the job by now. */
  private async keep({ job, tokens }: Decided, dispatched: Dispatched): Promise<void> {
    try {
      await job.keep?.(dispatched.outcome === 'ok' ? { ...dispatched.answer, usage: dispatched.made.usage } : undefined);
    } catch (error) {
      tokens.settle(job.bound.inputTokens + job.bound.outputTokens);
      throw error;
    }
  }

  private commit(step: 'record.admitted' | 'record.completed', record: LogRecord): Promise<void> {
    return this.parts.steps.run(step, () => this.parts.recorder.commit(record));
  }

  private completed({ job, fields }: Decided, hold: Hold, dispatched: Dispatched): { facts: CompletedFacts; record: LogRecord } {
    const { offer, outcome, attempts } = dispatched;
    const facts: CompletedFacts = {
      kind: 'completed',
      record: job.id,
      tenant: job.tenant.tenant,
      project: job.project.id,
      budget: hold.budget,
      lease: hold.lease,
      offer: offer.id,
      node: offer.entry.node,
      priceVersion: offer.price.version,
      outcome,
      ...meter(dispatched),
      responseHash: dispatched.made?.responseHash ?? null,
      attempts: [...attempts],
      receipt: dispatched.made?.receipt ?? null,
      ...findingsOf(job),
      completedAtMs: this.parts.clock.nowMs(),
      closedBy: 'gateway',
    };
    return { facts, record: this.parts.records.completed(job.tenant, fields, facts, offer) };
  }
}

function findingsOf({ answerFindings }: InferenceJob): Pick<CompletedFacts, 'answerFindings'> {
  const found = answerFindings?.();
  return found === undefined || found.length === 0 ? {} : { answerFindings: found };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const cancelled = ({ offer, attempts }: Dispatched | Opened, error: unknown): Dispatched => ({ outcome: 'cancelled', offer, made: null, error, attempts });

/** The last bytes of a stream: what it used, or why it is not whole. Nothing to do where none began. */
function finish({ job: { streamed } }: Decided, first: Dispatched | Opened, last: (form: StreamForm) => Buffer): void {
  if (first.outcome !== 'opened' || streamed === undefined) return;
  // A client that is slow to read them holds nothing here any more.
  void streamed.outlet.write(last(first.stream.form));
  streamed.outlet.end();
}

function toldError(dispatched: Exclude<Dispatched, { outcome: 'ok' }>): DomainError {
  if (dispatched.error instanceof DomainError) return dispatched.error;
  return dispatched.outcome === 'cancelled' ? failure('DEADLINE_EXCEEDED', 'the client went away before the answer') : failure('INTERNAL', 'something went wrong here', {}, dispatched.error);
}
