import { Lru } from '#kernel';
import type { PolicyContext, PolicyPrincipal } from './attributes.js';
import { contextDeparture, contextRecord, offerDeparture, offerRecord, principalDeparture, principalRecord } from './cedar-request.js';
import { contextClass, offerClass, principalClass } from './class-key.js';
import type { CompiledPolicySet } from './compile.js';
import { PolicyEvaluator } from './decide.js';
import type { DeterminingPolicy, PolicyOffer, Verdict } from './decide.js';
import { unevaluated } from './verdict.js';

/** Offers refused for the same reasons. */
export interface Refusal<Offer extends PolicyOffer> {
  readonly policies: readonly DeterminingPolicy[];
  readonly errors: readonly string[];
  readonly offers: readonly Offer[];
}

export interface OffersDecision<Offer extends PolicyOffer> {
  /** In the order given. */
  readonly permitted: readonly { readonly offer: Offer; readonly policies: readonly DeterminingPolicy[] }[];
  readonly refusals: readonly Refusal<Offer>[];
}

/** 4,096 pairs of principal and context classes × about 30 offer classes: some 120,000 small entries, 30 MB at most. */
const classPairsMaxDefault = 4_096;
const offerClassesMax = 512;

/**
 * Decides once per offer class and remembers it by (policy set, principal class, context class, offer class).
 * Remembered and direct decisions are the same; what could not be evaluated is not remembered.
 */
export class DecisionMemo {
  private readonly verdicts: Lru<string, Map<string, Verdict>>;
  private readonly offerClasses = new WeakMap<CompiledPolicySet, WeakMap<PolicyOffer, OfferClass>>();

  constructor(
    private readonly evaluator: PolicyEvaluator,
    classPairsMax = classPairsMaxDefault,
  ) {
    this.verdicts = new Lru(classPairsMax);
  }

  /** Splits offers into permitted and refused. Offer objects must not change after they were passed once. */
  decideOffers<Offer extends PolicyOffer>(set: CompiledPolicySet, principal: PolicyPrincipal, context: PolicyContext, offers: readonly Offer[]): OffersDecision<Offer> {
    const decideOne = this.decider(set, principal, context);
    const permitted: { offer: Offer; policies: readonly DeterminingPolicy[] }[] = [];
    const refusals = new Map<string, { policies: readonly DeterminingPolicy[]; errors: readonly string[]; offers: Offer[] }>();
    for (const offer of offers) {
      const { decision, determining, errors } = decideOne(offer);
      if (decision === 'permit') {
        permitted.push({ offer, policies: determining });
        continue;
      }
      const group = JSON.stringify([determining.map(({ id }) => id), errors]);
      const refusal = refusals.get(group);
      if (refusal) refusal.offers.push(offer);
      else refusals.set(group, { policies: determining, errors, offers: [offer] });
    }
    return { permitted, refusals: [...refusals.values()] };
  }

  /** Everything that does not depend on the offer, done once. */
  private decider(set: CompiledPolicySet, principal: PolicyPrincipal, context: PolicyContext): (offer: PolicyOffer) => Verdict {
    const [application, record] = [principalRecord(principal), contextRecord(context)];
    const departed = principalDeparture(application) ?? contextDeparture(record);
    if (departed) return () => unevaluated(departed);
    const remembered = this.verdictsOf(`${set.digest} ${principalClass(set.reads, principal.id, application)} ${contextClass(set.reads, record)}`);
    const classes = this.classesOf(set);
    return (offer) => {
      const { key, departed: offerDeparted } = classOf(set, classes, offer);
      if (offerDeparted) return unevaluated(offerDeparted);
      const known = remembered.get(key);
      if (known) return known;
      const verdict = this.evaluator.evaluate(set, { principal, context, offer });
      if (verdict.errors.length === 0) {
        if (remembered.size >= offerClassesMax) remembered.clear();
        remembered.set(key, verdict);
      }
      return verdict;
    };
  }

  private verdictsOf(classPair: string): Map<string, Verdict> {
    const known = this.verdicts.get(classPair);
    if (known) return known;
    const fresh = new Map<string, Verdict>();
    this.verdicts.set(classPair, fresh);
    return fresh;
  }

  private classesOf(set: CompiledPolicySet): WeakMap<PolicyOffer, OfferClass> {
    const known = this.offerClasses.get(set);
    if (known) return known;
    const fresh = new WeakMap<PolicyOffer, OfferClass>();
    this.offerClasses.set(set, fresh);
    return fresh;
  }
}

interface OfferClass {
  readonly key: string;
  readonly departed: string | undefined;
}

function classOf(set: CompiledPolicySet, classes: WeakMap<PolicyOffer, OfferClass>, offer: PolicyOffer): OfferClass {
  const known = classes.get(offer);
  if (known) return known;
  const record = offerRecord(offer.facts);
  const fresh = { key: offerClass(set.reads, offer.id, record), departed: offerDeparture(record) };
  classes.set(offer, fresh);
  return fresh;
}
