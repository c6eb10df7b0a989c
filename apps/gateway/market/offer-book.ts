import type { Endpoint } from '#protocol';
import type { Replicated } from '../replicated.js';
import { marketOffer } from './market-offer.js';
import type { MarketOffer } from './market-offer.js';

export interface Model {
  readonly id: string;
  /** Unix milliseconds: when the oldest price of it began. */
  readonly sinceMs: number;
  readonly network: string;
}

const none: readonly MarketOffer[] = [];

/** Every priced offer, indexed by model. An offer without a price is not on the market. */
export class OfferBook {
  private byId = new Map<string, MarketOffer>();
  private byModel = new Map<string, MarketOffer[]>();
  /** Answers of `serving` since the last change: the same list is the same object, by which it is known. */
  private served = new Map<string, readonly MarketOffer[]>();
  private stale = true;

  constructor(private readonly replicated: Pick<Replicated, 'offers' | 'prices'>) {
    const invalidate = (): void => void (this.stale = true);
    replicated.offers.onChange(invalidate);
    replicated.prices.onChange(invalidate);
  }

  /** Offers of a model that serve an endpoint, up or down. */
  serving(model: string, endpoint: Endpoint): readonly MarketOffer[] {
    this.refresh();
    const offered = this.byModel.get(model);
    if (offered === undefined) return none;
    const key = `${endpoint} ${model}`;
    let found = this.served.get(key);
    if (found === undefined) this.served.set(key, (found = offered.filter(({ entry }) => entry.endpoints.includes(endpoint))));
    return found;
  }

  /** The offer as it is now; a request may hold an older one. */
  current(id: string): MarketOffer | undefined {
    this.refresh();
    return this.byId.get(id);
  }

  /** Models with at least one machine up, by name. */
  models(): Model[] {
    this.refresh();
    const up = [...this.byModel].map(([id, offers]) => [id, offers.filter(({ entry }) => entry.state === 'up')] as const);
    return up
      .filter(([, offers]) => offers.length > 0)
      .map(([id, offers]) => ({ id, sinceMs: Math.min(...offers.map(({ price }) => price.validFromMs)), network: offers[0]!.entry.network }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Rebuilt at the first question after a change; what did not change keeps its object, by which decisions are remembered. */
  private refresh(): void {
    if (!this.stale) return;
    this.stale = false;
    const before = this.byId;
    this.byId = new Map();
    this.byModel = new Map();
    this.served = new Map();
    for (const [id, entry] of this.replicated.offers.entries()) {
      const price = this.replicated.prices.get(id);
      if (!price) continue;
      const known = before.get(id);
      const offer = known && known.entry === entry && known.price === price ? known : marketOffer(entry, price);
      this.byId.set(id, offer);
      const same = this.byModel.get(entry.model);
      if (same) same.push(offer);
      else this.byModel.set(entry.model, [offer]);
    }
  }
}
