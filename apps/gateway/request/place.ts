import type { Clock, DomainError } from '#kernel';
import { chargeOf, failure } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { OfferBook } from '../market/offer-book.js';
import { leastLoaded } from './least-loaded.js';
import { OfferLoad } from './offer-load.js';
import { outliers } from './outliers.js';
import { PrefixAffinity } from './prefix-affinity.js';
import type { Conversation } from './prefix-affinity.js';
import type { TokenBound } from './upper-bound.js';

/** One place on a machine, taken for one job. */
export interface Slot {
  readonly offer: MarketOffer;
  /** The first event of a stream is here. */
  answering(): void;
  /** Gives the place back; a failed or busy machine rests before it is preferred again, and is not asked for `coolMs`. Again does nothing. */
  done(outcome: 'ok' | 'busy' | 'failed' | 'cancelled', coolMs?: number): void;
}

/** Jobs that may wait for a place: 1,024 × at most 4 MiB of body is the memory they can hold. */
const waitersMax = 1_024;

/** How often machines are compared with each other. */
const sweepMs = 10_000;

/**
 * Step 5: the cheapest permitted offer with free capacity; among equal prices the machine that holds the conversation's cache, else the
 * less loaded of two. Machines whose circuit is open are
 * left out, those that stand out by failing are ejected. What is left is the failover list.
 */
export class Placement {
  private readonly loads = new Map<string, OfferLoad>();
  private readonly waiters = new Set<() => void>();
  private sweptAtMs: number;

  constructor(
    private readonly book: Pick<OfferBook, 'current'>,
    private readonly clock: Clock,
    private readonly waitMs: number,
    private readonly random: () => number = Math.random,
    private readonly affinity = new PrefixAffinity(),
  ) {
    this.sweptAtMs = clock.monotonicMs();
  }

  /**
   * A place on the best offer that was not tried yet; waits a moment while all are full. `undefined` when none is left.
   * Errors: NO_CAPACITY; the signal's reason.
   */
  async place(permitted: readonly MarketOffer[], tried: ReadonlySet<string>, bound: TokenBound, signal: AbortSignal, conversation?: Conversation): Promise<Slot | undefined> {
    const untilMs = this.clock.monotonicMs() + this.waitMs;
    const prefixes = conversation === undefined || permitted.length < 2 ? [] : this.affinity.prefixesOf(conversation);
    for (;;) {
      signal.throwIfAborted();
      const candidates = permitted.filter(({ id }) => !tried.has(id) && this.book.current(id)?.entry.state === 'up');
      if (candidates.length === 0) return undefined;
      const best = this.best(candidates, bound, prefixes);
      if (best) {
        this.affinity.remember(prefixes, best.id);
        return this.take(best);
      }
      const leftMs = untilMs - this.clock.monotonicMs();
      if (leftMs <= 0 || this.waiters.size >= waitersMax) throw this.full(candidates);
      await this.change(Math.min(leftMs, lookAgainMs), signal);
    }
  }

  /** Within how many milliseconds 95 of 100 of the offer's jobs have ended, or of its streams have begun; `undefined` while that is not known. */
  usuallyMs(offer: MarketOffer, isStream: boolean): number | undefined {
    const load = this.loads.get(offer.id);
    return (isStream ? load?.firsts : load?.whole)?.usuallyMs();
  }

  /** Rested machines first; those that failed a moment ago are the last resort, and of those whose circuit is open one probe at a time. */
  private best(all: readonly MarketOffer[], bound: TokenBound, prefixes: readonly string[]): MarketOffer | undefined {
    const nowMs = this.clock.monotonicMs();
    this.sweep(nowMs);
    const candidates = all.filter((offer) => this.loadOf(offer).coolingMs(nowMs) === 0);
    const inUse = candidates.filter((offer) => this.loadOf(offer).circuit.state(nowMs) !== 'open');
    const rested = inUse.filter((offer) => !this.loadOf(offer).isResting(nowMs));
    const among = rested.length > 0 ? rested : inUse.length > 0 ? inUse : candidates.filter((offer) => this.loadOf(offer).circuit.mayProbe());
    const free = among.filter((offer) => this.loadOf(offer).inFlight < (this.book.current(offer.id) ?? offer).entry.capacity);
    const equal = cheapest(free, bound).map((offer) => ({ offer, latencyMs: this.loadOf(offer).latencyMs, inFlight: this.loadOf(offer).inFlight }));
    return (this.affinity.choose(prefixes, equal) ?? leastLoaded(equal, this.random))?.offer;
  }

  /** When every machine was told to wait by its engine, the first to take work again says when. */
  private full(candidates: readonly MarketOffer[]): DomainError {
    const nowMs = this.clock.monotonicMs();
    const coolingMs = Math.min(...candidates.map((offer) => this.loadOf(offer).coolingMs(nowMs)));
    return failure('NO_CAPACITY', 'every permitted machine is busy; try again shortly', coolingMs > 0 ? { retryAfterMs: coolingMs } : {});
  }

  /** Ejects the machines that do far worse than the others of their model, and forgets offers that are gone. */
  private sweep(nowMs: number): void {
    if (nowMs - this.sweptAtMs < sweepMs) return;
    this.sweptAtMs = nowMs;
    const models = new Map<string, ReturnType<OfferLoad['takeOutcomes']>[]>();
    for (const [id, load] of this.loads) {
      if (load.inFlight === 0 && !this.book.current(id)) this.loads.delete(id);
      else models.set(load.model, [...(models.get(load.model) ?? []), load.takeOutcomes(id)]);
    }
    for (const outcomes of models.values()) for (const id of outliers(outcomes)) this.loads.get(id)?.circuit.open(nowMs);
  }

  private take(offer: MarketOffer): Slot {
    const load = this.loadOf(offer);
    const startedAtMs = this.clock.monotonicMs();
    load.inFlight += 1;
    const isProbe = load.circuit.begin();
    let open = true;
    return {
      offer,
      answering: () => load.firsts.add(this.clock.monotonicMs() - startedAtMs),
      done: (outcome, coolMs = 0) => {
        if (!open) return;
        open = false;
        load.inFlight -= 1;
        const endedAtMs = this.clock.monotonicMs();
        load.ended(outcome, startedAtMs, endedAtMs);
        if (coolMs > 0) load.cool(coolMs, endedAtMs);
        load.circuit.ended(outcome, isProbe, endedAtMs);
        for (const wake of [...this.waiters]) wake();
      },
    };
  }

  private loadOf({ id, entry }: MarketOffer): OfferLoad {
    const known = this.loads.get(id);
    if (known) return known;
    const fresh = new OfferLoad(entry.model);
    this.loads.set(id, fresh);
    return fresh;
  }

  private change(withinMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      signal.addEventListener('abort', wake, { once: true });
      this.waiters.add(wake);
    });
  }
}

/** A machine may come up or end its rest without a job ending here. */
const lookAgainMs = 100;

/** The offers at the lowest cost, all of them. */
function cheapest(offers: readonly MarketOffer[], bound: TokenBound): MarketOffer[] {
  let least: bigint | undefined;
  let found: MarketOffer[] = [];
  for (const offer of offers) {
    const cost = chargeOf(bound, offer.price);
    if (least !== undefined && cost > least) continue;
    if (cost !== least) found = [];
    least = cost;
    found.push(offer);
  }
  return found;
}
