import { hash } from 'node:crypto';
import { DomainError, isDomainError } from '#kernel';
import type { Clock, Ids } from '#kernel';
import { failure } from '#protocol';
import type { DecisionFields } from '#protocol';
import { guardedJob, rulesOf } from '../answers/guarded-job.js';
import type { MarketOffer } from '../market/market-offer.js';
import type { OfferBook } from '../market/offer-book.js';
import { OfferSets } from '../market/offer-sets.js';
import type { Replicated } from '../replicated.js';
import { Admission } from './admission.js';
import { costWithSpares, holdAffordable, payerOf } from './affordable.js';
import type { AdmissionParts } from './admission.js';
import type { AnswerCache } from './answer-cache.js';
import { classify, classifyLong, isLong } from './classify.js';
import type { Classification } from './classify.js';
import type { Asked, Decided } from './decided.js';
import type { Decider, Decision } from './decide.js';
import { fieldsOfDecision } from './decision-fields.js';
import { firstOfTwo } from './hedge.js';
import type { HedgeShares, Lane } from './hedge.js';
import { conversationOf } from './inference-job.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';
import type { Hold } from './lease-account.js';
import type { Limiter, Passage } from './limit.js';
import { inTurn, modelsOf } from './model-chain.js';
import { isOutOfMoney } from './out-of-money.js';
import type { Persons } from './persons.js';
import type { Placement, Slot } from './place.js';
import { embeddingJob, vectorOf } from './question-embedding.js';
import { RacedOutlet } from './raced-outlet.js';
import { recorded } from './recorded.js';
import type { Similar } from './request-records.js';
import type { RetryBudget } from './retry-budget.js';
import { hitPriceOf, mayReuse, Reuse } from './reuse.js';
import type { SemanticCache } from './semantic-cache.js';

export interface PipelineParts extends AdmissionParts {
  readonly limiter: Limiter;
  readonly aliases: Replicated['aliases'];
  /** Limits by id: a project's say whether its answers are kept, a key's whether it has leases of its own. */
  readonly limits: Replicated['limits'];
  readonly cache: AnswerCache;
  readonly hedges: HedgeShares;
  readonly semantic: SemanticCache;
  readonly persons: Persons;
  readonly retries: RetryBudget;
  readonly ids: Ids;
  readonly book: OfferBook;
  readonly decider: Decider;
  readonly placement: Placement;
  readonly clock: Clock;
  readonly durability: DecisionFields['durability'];
  /** From admission to the latest possible completion. */
  readonly deadlineMs: number;
  /** The same for streams, and for what takes as long. */
  readonly streamDeadlineMs: number;
}

/** The steps of a request in order, from a parsed job to its answer. Authentication went before, settlement comes after. */
export class RequestPipeline {
  private readonly admission: Admission;
  private readonly offerSets: OfferSets;
  private readonly reuse: Reuse;

  constructor(private readonly parts: PipelineParts) {
    this.admission = new Admission(parts);
    this.reuse = new Reuse(parts);
    this.offerSets = new OfferSets((record) => parts.recorder.commit(record), parts.clock);
  }

  /**
   * Errors: RATE_LIMITED, CONCURRENCY_LIMITED, TOKENS_OVER_LIMIT, MODEL_NOT_ALLOWED, MODEL_NOT_FOUND, POLICY_DENIED, BUDGET_EXHAUSTED, SPEND_LIMIT_REACHED, BUDGET_MISSING, NO_OFFER, NO_CAPACITY, NODE_UNREACHABLE, NODE_PROTOCOL,
   * ENGINE_FAILED, ENGINE_REFUSED, DEADLINE_EXCEEDED, RECORD_UNAVAILABLE, SERVICE_UNAVAILABLE. Those that were recorded carry `details.record`.
   */
  async run(job: InferenceJob): Promise<InferenceAnswer> {
    return this.parts.steps.request(job, this.offeredModel(job) !== undefined, () => this.served(job));
  }

  /**
   * The most that a request costs, in nano-dollars, on the cheapest permitted machines; nothing runs and nothing is recorded.
   * Errors: MODEL_NOT_FOUND, POLICY_DENIED, PRICE_UNKNOWN.
   */
  async quote(job: InferenceJob): Promise<bigint> {
    const { book, decider, steps } = this.parts;
    const model = this.offeredModel(job) ?? job.model;
    const asked = { ...job, model };
    const offers = book.serving(model, job.endpoint);
    if (offers.length === 0) throw notServed(asked);
    const classification = await this.classified(asked);
    const { decision, policies, permitted } = steps.now('decide', () => decider.decide(asked, classification, offers));
    if (decision === 'deny') throw denied(policies);
    return costWithSpares(job.bound, permitted);
  }

  /** The first that some machine has of the models that the request's name stands for. */
  private offeredModel({ tenant, model, endpoint }: InferenceJob): string | undefined {
    const { aliases, book } = this.parts;
    return modelsOf(aliases, tenant.tenant, model).find((name) => book.serving(name, endpoint).length > 0);
  }

  private async classified(job: InferenceJob): Promise<Classification> {
    return isLong(job) ? this.parts.steps.run('classify', () => classifyLong(job)) : this.parts.steps.now('classify', () => classify(job));
  }

  /** Limits bind the request; each model that its name stands for is then tried as a request of its own. */
  private async served(job: InferenceJob): Promise<InferenceAnswer> {
    const { limiter, steps, aliases, ids, recorder, retries } = this.parts;
    recorder.assertAvailable();
    const passage = steps.now('limit', () => limiter.admit(job));
    retries.earn(job.tenant.tenant, job.isRepeat ?? false);
    const mayRetry = (): boolean => retries.spend(job.tenant.tenant);
    try {
      return await inTurn(job, modelsOf(aliases, job.tenant.tenant, job.model), () => ids.uuid(), mayRetry, (one) => this.serve(one, passage));
    } finally {
      passage.leave();
      job.tellLimits?.(passage.headers());
    }
  }

  private async serve(asking: InferenceJob, passage: Passage): Promise<InferenceAnswer> {
    const job = guardedJob(asking, rulesOf(asking, this.parts.limits));
    passage.assertAllowed(job.model);
    const asked = await this.decide(job);
    const place = this.parts.cache.placeOf(job, { dataClass: asked.classification.dataClass, policyHash: asked.decision.policyHash }, this.parts.limits.get(job.project.id));
    const kept = place && mayReuse(asked) ? this.parts.cache.get(place) : undefined;
    const adapted = kept && (await inFormOf(job, kept));
    if (adapted) return this.again(asked, adapted);
    const similar = await this.similar(asked, passage);
    if (similar?.found) return this.again(asked, similar.found.answer, { similarity: similar.found.similarity, embedding: similar.embedding });
    const answer = await this.hedged(asked, passage);
    if (place) this.parts.cache.keep(place, answer);
    similar?.keep(answer);
    return answer;
  }

  /** Looks for the answer to a question of similar meaning, where the project wants it. Without the question's embedding the request runs all the same. */
  private async similar(asked: Asked, passage: Passage): Promise<Lookup | undefined> {
    const { job, decision, classification } = asked;
    const { semantic, ids, limits } = this.parts;
    const scope = { dataClass: classification.dataClass, policyHash: decision.policyHash };
    const place = semantic.placeOf(job, scope, classification, limits.get(job.project.id));
    if (!place || !mayReuse(asked)) return undefined;
    try {
      const embedding = embeddingJob(job, place, ids.uuid());
      const { engineBody, record } = await this.parts.steps.request(embedding, true, () => this.serve(embedding, passage));
      const vector = vectorOf(engineBody);
      if (!vector) return undefined;
      const kept = semantic.find(place, vector);
      const answer = kept && (await inFormOf(job, kept.answer));
      return {
        embedding: record,
        found: answer && { answer, similarity: Number(kept.similarity.toFixed(4)) },
        keep: (made) => semantic.keep(place, vector, made),
      };
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return undefined;
    }
  }

  /** The answer as it was given before, at what the price book asks for that. */
  private again(asked: Asked, kept: InferenceAnswer, similar?: Similar): Promise<InferenceAnswer> {
    const price = hitPriceOf(asked.decision.permitted);
    if (price === undefined) return this.reuse.free(asked, kept, similar);
    return this.reuse.paid(asked, kept, price, (error) => this.refuse(asked, error), payerOf(asked.job, this.parts.limits.get(asked.job.keyId)), similar);
  }

  /**
   * Runs the request; where the project pays twice for speed, a second time on another machine when the first takes longer than usual. The
   * second is a request of its own with a record of its own, under the same decision; the slower one is cancelled, and costs what it made.
   */
  private hedged(asked: Asked, passage: Passage): Promise<InferenceAnswer> {
    const { limits, hedges, ids, placement } = this.parts;
    const { job, decision, fields } = asked;
    const limit = limits.get(job.project.id);
    // Nobody waits for the line of a batch; what is fetched is fetched once.
    if (!limit?.hedge || limit.tenant !== job.tenant.tenant || job.keep !== undefined || job.mayBeRecorded === true || job.complete !== undefined || decision.permitted.length < 2) return this.execute(asked, passage);
    hedges.count(job.project.id, limit.hedge.maxShare);
    const tried = new Set<string>();
    // A stream has its machine from the first event on: that one goes on, and the other is cancelled.
    const raced = ({ signal, take }: Lane, id = job.id): InferenceJob => ({ ...job, id, signal: AbortSignal.any([job.signal, signal]), ...(job.streamed && { streamed: { ...job.streamed, outlet: new RacedOutlet(job.streamed.outlet, take) } }) });
    return firstOfTwo(
      (lane) =>
        this.execute({ ...asked, job: raced(lane) }, passage, new Set(), (offer) => {
          tried.add(offer.id);
          lane.placed(placement.usuallyMs(offer, job.streamed !== undefined));
        }),
      (lane) => this.execute({ ...asked, job: raced(lane, ids.uuid()), fields: { ...fields, hedgeOf: job.id } }, passage, tried),
      () => hedges.spend(job.project.id),
      () => failure('DEADLINE_EXCEEDED', 'another machine answered sooner'),
    );
  }

  private async execute(asked: Asked, passage: Passage, tried: ReadonlySet<string> = new Set(), placed?: (offer: MarketOffer) => void): Promise<InferenceAnswer> {
    const { clock, deadlineMs, streamDeadlineMs } = this.parts;
    const { bound, streamed, takesLong, untilMs = Number.POSITIVE_INFINITY } = asked.job;
    const withinMs = streamed === undefined && takesLong !== true ? deadlineMs : streamDeadlineMs;
    const permitted: Decided = { ...asked, tokens: passage.reserve(bound.inputTokens + bound.outputTokens), deadlineMs: Math.min(clock.nowMs() + withinMs, untilMs) };
    // A stream's head leaves before its end.
    asked.job.tellLimits?.(passage.headers());
    let hold: Hold | undefined;
    let slot: Slot | undefined;
    try {
      const { decided, hold: held } = await this.reserve(permitted);
      hold = held;
      const whole = await this.complete(decided);
      slot = await this.place(whole, tried);
      placed?.(slot.offer);
      return await this.admission.run(whole, hold, slot);
    } finally {
      // Whatever ended the request early gives place and reservations back; what was settled stays settled.
      slot?.done('cancelled');
      if (hold) this.parts.leases.settle(hold, 0n);
      permitted.tokens.settle(0);
    }
  }

  private async decide(job: InferenceJob): Promise<Asked> {
    const { steps, book, decider, durability } = this.parts;
    const offers = book.serving(job.model, job.endpoint);
    if (offers.length === 0) throw notServed(job);
    const classification = await this.classified(job);
    const decision = steps.now('decide', () => decider.decide(job, classification, offers));
    const asked: Asked = {
      job,
      classification,
      decision,
      fields: fieldsOfDecision(job, classification, decision, await this.offerSets.keep(offers), durability),
      requestHash: hash('sha256', job.body),
      person: job.declared.subject === null ? undefined : await this.parts.persons.sealerOf(job.tenant, job.declared.subject),
    };
    if (decision.decision === 'deny') throw await this.refuse(asked, denied(decision.policies));
    return asked;
  }

  /** What the hold does not cover is out of reach for this job from here on. */
  private async reserve(decided: Decided): Promise<{ decided: Decided; hold: Hold }> {
    const { bound } = decided.job;
    const payer = payerOf(decided.job, this.parts.limits.get(decided.job.keyId));
    try {
      const { hold, offers } = await this.parts.steps.run('reserve', () => holdAffordable(this.parts.leases, payer, bound, decided.decision.permitted, decided.job.costNanosMax));
      return { hold, decided: { ...decided, decision: { ...decided.decision, permitted: offers } } };
    } catch (error) {
      if (isOutOfMoney(error) || isDomainError(error, 'BUDGET_MISSING')) throw await this.refuse(decided, error);
      throw error;
    }
  }

  /** What a request refers to is fetched before it takes a place on a machine, and is part of what is hashed. */
  private async complete(decided: Decided): Promise<Decided> {
    const { complete, ...job } = decided.job;
    if (complete === undefined) return decided;
    const late = AbortSignal.timeout(Math.max(0, decided.deadlineMs - this.parts.clock.nowMs()));
    try {
      const body = await this.parts.steps.run('fetch', () => complete(job.body, job.tenant.tenant, AbortSignal.any([job.signal, late])));
      return { ...decided, job: { ...job, body }, requestHash: hash('sha256', body) };
    } catch (error) {
      throw late.aborted && !job.signal.aborted ? failure('DEADLINE_EXCEEDED', 'what the request refers to was not here in time', {}, error) : error;
    }
  }

  private async place({ job, decision }: Decided, tried: ReadonlySet<string>): Promise<Slot> {
    const slot = await this.parts.steps.run('place', () => this.parts.placement.place(decision.permitted, tried, job.bound, job.signal, conversationOf(job)));
    if (!slot) throw failure('NO_OFFER', 'no permitted machine is up; try again shortly');
    return slot;
  }

  /** Records a refusal, then gives the error to throw. Error: RECORD_UNAVAILABLE. */
  private async refuse({ job, fields, requestHash, person }: Asked, error: DomainError): Promise<DomainError> {
    const record = this.parts.records.refused(job.tenant, job.id, fields, requestHash, error, { person, mayBeRecorded: job.mayBeRecorded });
    await this.parts.steps.run('record.refused', () => this.parts.recorder.commit(record));
    return recorded(error, job.id);
  }
}

const notServed = ({ model, endpoint }: InferenceJob): DomainError => failure('MODEL_NOT_FOUND', `no machine offers the model "${model}" for ${endpoint}`, { param: 'model' });

const denied = (policies: Decision['policies']): DomainError =>
  failure('POLICY_DENIED', `no machine may run this request. ${policies.map(({ id, reason }) => `${id}: ${reason}`).join('; ')}`, { policies });

/** What came of looking for a similar question. */
interface Lookup {
  /** The record of the request for the question's embedding. */
  readonly embedding: string;
  readonly found: { readonly answer: InferenceAnswer; readonly similarity: number } | undefined;
  keep(answer: InferenceAnswer): void;
}

/** A kept answer as this request asks for it; `undefined` when it has no such form, which then is the next machine's to show. */
async function inFormOf(job: InferenceJob, kept: InferenceAnswer): Promise<InferenceAnswer | undefined> {
  try {
    return { ...kept, body: await job.adapt(kept.engineBody) };
  } catch {
    return undefined;
  }
}
