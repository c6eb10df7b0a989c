import type { Clock } from '#kernel';
import { chargeOf, failure } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { OfferBook } from '../market/offer-book.js';
import { OfferLoad } from './offer-load.js';
import type { TokenBound } from './upper-bound.js';

/** One place on a machine, taken for one job. */
export interface Slot {
  readonly offer: MarketOffer;
  /** Gives the place back; a failed or busy machine rests before it is preferred again. Again does nothing. */
  done(outcome: 'ok' | 'busy' | 'failed' | 'cancelled'): void;
}

/** Jobs that may wait for a place: 1,024 × at most 4 MiB of body is the memory they can hold. */
const waitersMax = 1_024;

/** Step 5: the cheapest permitted offer with free capacity, ties by latency. What is left is the failover list. */
export class Placement {
  private readonly loads = new Map<string, OfferLoad>();
  private readonly waiters = new Set<() => void>();

  constructor(
    private readonly book: Pick<OfferBook, 'current'>,
    private readonly clock: Clock,
    private readonly waitMs: number,
  ) {}

  /**
   * A place on the best offer that was not tried yet; waits a moment while all are full. `undefined` when none is left.
   * Errors: NO_CAPACITY; the signal's reason.
   */
  async place(permitted: readonly MarketOffer[], tried: ReadonlySet<string>, bound: TokenBound, signal: AbortSignal): Promise<Slot | undefined> {
    const untilMs = this.clock.monotonicMs() + this.waitMs;
    for (;;) {
      signal.throwIfAborted();
      const candidates = permitted.filter(({ id }) => !tried.has(id) && this.book.current(id)?.entry.state === 'up');
      if (candidates.length === 0) return undefined;
      const best = this.best(candidates, bound);
      if (best) return this.take(best);
      const leftMs = untilMs - this.clock.monotonicMs();
      if (leftMs <= 0 || this.waiters.size >= waitersMax) throw failure('NO_CAPACITY', 'every permitted machine is busy; try again shortly');
      await this.change(Math.min(leftMs, lookAgainMs), signal);
    }
  }

  /** Rested machines first; those that failed a moment ago are the last resort. */
  private best(candidates: readonly MarketOffer[], bound: TokenBound): MarketOffer | undefined {
    const nowMs = this.clock.monotonicMs();
    const rested = candidates.filter(({ id }) => !this.loadOf(id).isResting(nowMs));
    const free = (rested.length > 0 ? rested : candidates).filter(({ id, entry }) => this.loadOf(id).inFlight < (this.book.current(id) ?? { entry }).entry.capacity);
    return free.map((offer) => ({ offer, cost: chargeOf(bound, offer.price), latencyMs: this.loadOf(offer.id).latencyMs })).sort(byCostThenLatency)[0]?.offer;
  }

  private take(offer: MarketOffer): Slot {
    const load = this.loadOf(offer.id);
    const startedAtMs = this.clock.monotonicMs();
    load.inFlight += 1;
    let open = true;
    return {
      offer,
      done: (outcome) => {
        if (!open) return;
        open = false;
        load.inFlight -= 1;
        load.ended(outcome, startedAtMs, this.clock.monotonicMs());
        for (const wake of [...this.waiters]) wake();
      },
    };
  }

  private loadOf(id: string): OfferLoad {
    const known = this.loads.get(id);
    if (known) return known;
    const fresh = new OfferLoad();
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

interface Ranked {
  readonly offer: MarketOffer;
  readonly cost: bigint;
  readonly latencyMs: number;
}

function byCostThenLatency(a: Ranked, b: Ranked): number {
  if (a.cost !== b.cost) return a.cost < b.cost ? -1 : 1;
  return a.latencyMs - b.latencyMs || (a.offer.id < b.offer.id ? -1 : 1);
}
