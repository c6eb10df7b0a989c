import type { Clock } from '#kernel';
import { offersHash, offersRecordId, operatorRecord } from '#protocol';
import type { LogRecord, SeenOffer } from '#protocol';
import type { MarketOffer } from './market-offer.js';

/** What a decision chose among, as its record names it. */
export interface SeenOffers {
  readonly record: string;
  readonly hash: string;
}

/** One record holds them all: 1,000 × about 360 bytes, below the 384 KiB of a record. */
const offersMax = 1_000;
/** Sets whose entry is in the log: 4,096 ids. What is forgotten is written again, and is the same entry. */
const keptMax = 4_096;

/**
 * Keeps the offers as they were for every decision: each distinct set is one entry of the log, under an id that follows from it, so that
 * many gateways write the same one. A decision waits for it once.
 */
export class OfferSets {
  private readonly known = new WeakMap<readonly MarketOffer[], { readonly seen: SeenOffers; readonly record: LogRecord }>();
  private readonly kept = new Map<string, Promise<void>>();

  constructor(
    private readonly commit: (record: LogRecord) => Promise<void>,
    private readonly clock: Clock,
  ) {}

  /** Resolves when the log is sure to have them; null when they are too many. Error: RECORD_UNAVAILABLE. */
  async keep(offers: readonly MarketOffer[]): Promise<SeenOffers | null> {
    if (offers.length > offersMax) return null;
    let known = this.known.get(offers);
    if (known === undefined) this.known.set(offers, (known = this.setOf(offers)));
    const { seen, record } = known;
    let keeping = this.kept.get(seen.record);
    if (keeping === undefined) {
      if (this.kept.size >= keptMax) this.kept.clear();
      this.kept.set(seen.record, (keeping = this.commit(record)));
      keeping.catch(() => this.kept.delete(seen.record));
    }
    await keeping;
    return seen;
  }

  private setOf(offers: readonly MarketOffer[]): { seen: SeenOffers; record: LogRecord } {
    const seenOffers = offers.map(({ id, facts, entry, price }): SeenOffer => ({ id, node: entry.node, price: price.version, facts })).sort((a, b) => (a.id < b.id ? -1 : 1));
    const hash = offersHash(seenOffers);
    const seen = { record: offersRecordId(hash), hash };
    const fields = { hash, offers: seenOffers.map(({ facts, ...offer }) => ({ ...offer, facts: { ...facts } })) };
    return { seen, record: operatorRecord({ id: seen.record, type: 'offers.seen', timeMs: this.clock.nowMs(), fields, facts: null }) };
  }
}
