import { hash } from 'node:crypto';
import type { Clock, DomainError } from '#kernel';
import { currentTraceparent } from '#messaging';
import { sealRecord, searchTermsOf } from '#protocol';
import type { AdmittedFacts, CompletedFacts, LogRecord, RecordDraft, RecordFields, Sealer, TenantEntry } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { DecisionCounter } from './decision-counter.js';
import { machineFields, priceField } from './decision-fields.js';
import { wireFacts } from './facts-form.js';
import type { InferenceAnswer } from './inference-job.js';
import type { TenantSealers } from './tenant-sealers.js';

/** By which question an answer was found. */
export interface Similar {
  /** Cosine, to four decimals. */
  readonly similarity: number;
  /** The record of the request for the question's embedding. */
  readonly embedding: string;
}

/** How an answer came to be given again, and what is paid for it: nothing where there are no facts. */
export type Reused = { readonly similar?: Similar | undefined } & ({ readonly facts: null; readonly offer?: undefined } | { readonly facts: AdmittedFacts; readonly offer: MarketOffer });

type Draft = Omit<RecordDraft, 'timeMs' | 'traceparent'>;

/** For whom a decision is sealed besides the organisation, and whether its record may exist already. */
interface AskedFor {
  readonly person?: Sealer | undefined;
  readonly mayBeRecorded?: boolean | undefined;
}

/** Writes the records of a request. Bodies are committed to and sealed here; facts travel in clear for the books. */
export class RequestRecords {
  constructor(
    private readonly sealers: TenantSealers,
    private readonly clock: Clock,
    private readonly decisions: DecisionCounter,
  ) {}

  /** Policy or budget said no: nothing ran, nothing is charged. */
  refused(tenant: TenantEntry, id: string, decision: RecordFields, requestHash: string, error: DomainError, asked: AskedFor = {}): LogRecord {
    return this.decided(tenant, { id, type: 'refused', fields: { ...decision, requestHash, refusal: { code: error.code, message: error.message } }, facts: null }, asked);
  }

  /**
   * The answer to the very same request was given again, or to a similar one: nothing ran. The record of that one says where it came from; `similar` says how similar the
   * questions are, and which record the embedding has. Where it has a price, `facts` are what is reserved, under which price, and an end follows.
   */
  reused(tenant: TenantEntry, id: string, decision: RecordFields, requestHash: string, { record, engineBody }: InferenceAnswer, how: Reused, asked: AskedFor = {}): LogRecord {
    const { similar, facts, offer } = how;
    const fields = { ...decision, requestHash, responseHash: hash('sha256', engineBody), answerOf: record, chargeNanos: (facts?.holdNanos ?? 0n).toString(), ...(similar && { similarity: similar.similarity, questionEmbedding: similar.embedding }) };
    return this.decided(tenant, { id, type: 'reused', fields, ...(facts && { more: [wireFacts(facts), priceField(offer)] }), facts }, asked);
  }

  /** The end of an answer that was given again at a price: no machine ran. */
  completedReuse(tenant: TenantEntry, decision: RecordFields, facts: CompletedFacts, offer: MarketOffer): LogRecord {
    return this.seal(tenant, { id: facts.record, type: 'completed', fields: wireFacts(facts), more: [priceField(offer)], facts, search: searchTermsOf(decision) });
  }

  admitted(tenant: TenantEntry, decision: RecordFields, facts: AdmittedFacts, offer: MarketOffer, asked: AskedFor = {}): LogRecord {
    return this.decided(tenant, { id: facts.record, type: 'admitted', fields: decision, more: [wireFacts(facts), machineFields(offer)], facts }, asked);
  }

  /** Its entry says what it cost, and is found by who asked for what and by which policies as well. */
  completed(tenant: TenantEntry, decision: RecordFields, facts: CompletedFacts, offer: MarketOffer): LogRecord {
    return this.seal(tenant, { id: facts.record, type: 'completed', fields: wireFacts(facts), more: [machineFields(offer)], facts, search: searchTermsOf(decision) });
  }

  /** A decision has a number, also when sealing it fails: its gap is then accounted for. */
  private decided(tenant: TenantEntry, draft: Draft, { person, mayBeRecorded = false }: AskedFor): LogRecord {
    return this.seal(tenant, { ...draft, number: this.decisions.take(draft.id, mayBeRecorded) }, person);
  }

  private seal(tenant: TenantEntry, draft: Draft, person?: Sealer): LogRecord {
    const traceparent = currentTraceparent();
    return sealRecord({ ...draft, timeMs: this.clock.nowMs(), ...(traceparent === undefined ? {} : { traceparent }) }, tenant, this.sealers.of(tenant), person);
  }
}
