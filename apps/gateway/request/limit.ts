import type { Clock } from '#kernel';
import { failure, limits } from '#protocol';
import type { LimitEntry } from '#protocol';
import { Counters } from '../limits/counters.js';
import { rateHeaders, tightest } from '../limits/rate-headers.js';
import type { Left } from '../limits/rate-headers.js';
import { shareOf } from '../limits/share.js';
import type { Share, Standing } from '../limits/share.js';
import type { Replicated } from '../replicated.js';
import type { InferenceJob } from './inference-job.js';

/** A request that was let in. Ends with `leave`, whatever became of it. */
export interface Passage {
  /** `x-ratelimit-*` as it stands now. */
  headers(): Record<string, string>;
  /** Error: MODEL_NOT_ALLOWED. */
  assertAllowed(model: string): void;
  /** Reserves the most tokens that a job can use. Errors: RATE_LIMITED, TOKENS_OVER_LIMIT. */
  reserve(tokens: number): TokenHold;
  /** Again does nothing. */
  leave(): void;
}

/** Tokens set aside for one job. */
export interface TokenHold {
  /** Counts what was used and frees the rest. Again does nothing. */
  settle(usedTokens: number): void;
}

interface Bound {
  readonly limit: LimitEntry;
  readonly counters: Counters;
}

/**
 * The limits of a request's organisation, project and key, before anything is spent on it. Each gateway enforces its share
 * ({@link shareOf}) of each limit, so that together they enforce the whole. A request is counted under all of its limits or none.
 */
export class Limiter {
  private readonly counters = new Map<string, Counters>();

  constructor(
    private readonly replicated: Pick<Replicated, 'limits'>,
    private readonly gateways: { standing(): Standing },
    private readonly clock: Clock,
  ) {
    replicated.limits.onChange(() => this.forgetUnlimited());
  }

  /** Errors: RATE_LIMITED, CONCURRENCY_LIMITED, with `details.retryAfterMs` and `details.headers`. */
  admit(job: Pick<InferenceJob, 'tenant' | 'project' | 'keyId'>): Passage {
    const bounds = this.boundsOf(job);
    const nowMs = this.clock.monotonicMs();
    for (const bound of bounds) this.checkRequest(bound, bounds, nowMs);
    for (const { limit, counters } of bounds) {
      if (limit.requestsPerMinute !== null) counters.requests.take(nowMs, 1, this.share(limit.requestsPerMinute));
      counters.inFlight += 1;
    }
    let isIn = true;
    return {
      headers: () => this.headers(bounds),
      assertAllowed: (model) => bounds.forEach(({ limit }) => assertAllowed(limit, model)),
      reserve: (tokens) => this.reserve(bounds, tokens),
      leave: () => {
        if (isIn) for (const { counters } of bounds) counters.inFlight -= 1;
        isIn = false;
      },
    };
  }

  private reserve(bounds: readonly Bound[], tokens: number): TokenHold {
    const limited = bounds.filter(({ limit }) => limit.tokensPerMinute !== null);
    const nowMs = this.clock.monotonicMs();
    for (const { limit, counters } of limited) {
      const perMinute = limit.tokensPerMinute!;
      if (tokens > perMinute) throw failure('TOKENS_OVER_LIMIT', `the request may use up to ${tokens} tokens, more than the ${limit.scope}'s ${perMinute} a minute: make it smaller or set max_tokens`, { headers: this.headers(bounds) });
      const waitMs = counters.tokensWaitMs(nowMs, tokens, this.share(perMinute));
      if (waitMs > 0) throw failure('RATE_LIMITED', `the ${limit.scope}'s limit of ${perMinute} tokens a minute is reached`, { retryAfterMs: waitMs, headers: this.headers(bounds) });
    }
    for (const { counters } of limited) counters.heldTokens += tokens;
    let isOpen = true;
    return {
      settle: (usedTokens) => {
        if (!isOpen) return;
        isOpen = false;
        const endedMs = this.clock.monotonicMs();
        for (const { limit, counters } of limited) {
          counters.heldTokens -= tokens;
          counters.tokens.take(endedMs, Math.min(usedTokens, tokens), this.share(limit.tokensPerMinute!));
        }
      },
    };
  }

  private checkRequest({ limit, counters }: Bound, bounds: readonly Bound[], nowMs: number): void {
    if (limit.concurrentRequests !== null && counters.inFlight >= this.share(limit.concurrentRequests).burst) {
      throw failure('CONCURRENCY_LIMITED', `the ${limit.scope} has ${limit.concurrentRequests} requests running, its limit`, { retryAfterMs: limits.jobPulseMs, headers: this.headers(bounds) });
    }
    if (limit.requestsPerMinute === null) return;
    const waitMs = counters.requests.waitMs(nowMs, 1, this.share(limit.requestsPerMinute));
    if (waitMs > 0) throw failure('RATE_LIMITED', `the ${limit.scope}'s limit of ${limit.requestsPerMinute} requests a minute is reached`, { retryAfterMs: waitMs, headers: this.headers(bounds) });
  }

  private boundsOf({ tenant, project, keyId }: Pick<InferenceJob, 'tenant' | 'project' | 'keyId'>): Bound[] {
    return [tenant.tenant, project.id, keyId].flatMap((subject) => {
      const limit = this.replicated.limits.get(subject);
      // A subject's id says nothing about whose limit it is: only its own organisation's counts.
      return limit?.tenant === tenant.tenant ? [{ limit, counters: this.countersOf(subject) }] : [];
    });
  }

  private headers(bounds: readonly Bound[]): Record<string, string> {
    const nowMs = this.clock.monotonicMs();
    const left = (kind: 'requestsPerMinute' | 'tokensPerMinute', of: (counters: Counters, share: Share) => Omit<Left, 'limit'>): Left[] =>
      bounds.flatMap(({ limit, counters }) => (limit[kind] === null ? [] : [{ limit: limit[kind], ...of(counters, this.share(limit[kind])) }]));
    return rateHeaders(
      tightest(left('requestsPerMinute', ({ requests }, share) => ({ remaining: requests.remaining(nowMs, share), resetMs: requests.resetMs(nowMs) }))),
      tightest(left('tokensPerMinute', (counters, share) => ({ remaining: counters.remainingTokens(nowMs, share), resetMs: counters.tokens.resetMs(nowMs) }))),
    );
  }

  private share(limit: number): Share {
    return shareOf(limit, this.gateways.standing());
  }

  private countersOf(subject: string): Counters {
    const known = this.counters.get(subject);
    if (known) return known;
    const fresh = new Counters();
    this.counters.set(subject, fresh);
    return fresh;
  }

  /** As many counters as there are limits, no more. */
  private forgetUnlimited(): void {
    for (const [subject, { inFlight }] of this.counters) if (inFlight === 0 && !this.replicated.limits.get(subject)) this.counters.delete(subject);
  }
}

function assertAllowed({ models, scope }: LimitEntry, model: string): void {
  if (models && !models.includes(model)) throw failure('MODEL_NOT_ALLOWED', `the ${scope} may not use the model "${model}"`, { param: 'model' });
}
