import type { OfferFacts, PolicyContext, PolicyPrincipal } from './attributes.js';
import type { CompiledPolicySet } from './compile.js';

export interface PolicyOffer {
  /** The entity's id in Cedar. */
  readonly id: string;
  readonly facts: OfferFacts;
}

/** One question: may this application run this request on this offer? */
export interface PolicyRequest {
  readonly principal: PolicyPrincipal;
  readonly context: PolicyContext;
  readonly offer: PolicyOffer;
}

export interface DeterminingPolicy {
  readonly id: string;
  /** A sentence for the caller. */
  readonly reason: string;
}

export interface Verdict {
  readonly decision: 'permit' | 'deny';
  /** The policies that decided, sorted by id; never empty. A pseudo-policy of the platform when none matched or one failed. */
  readonly determining: readonly DeterminingPolicy[];
  /** Why the question could not be evaluated; any entry means deny. */
  readonly errors: readonly string[];
}

/** Decides one question. Total: never throws, and whatever goes wrong is a denial that says so. */
export abstract class PolicyEvaluator {
  abstract evaluate(set: CompiledPolicySet, request: PolicyRequest): Verdict;
}
