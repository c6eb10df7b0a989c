import type { OfferFacts, PolicyOffer } from '#policy';
import type { OfferEntry, PriceEntry } from '#protocol';

/** An offer with the price version in force. Never changes: a request keeps the one it was decided with. */
export interface MarketOffer extends PolicyOffer {
  readonly entry: OfferEntry;
  readonly price: PriceEntry;
}

export function marketOffer(entry: OfferEntry, price: PriceEntry): MarketOffer {
  return { id: entry.id, facts: factsOf(entry, price), entry, price };
}

/** What policies may know of an offer. The price is that of input tokens. */
function factsOf(entry: OfferEntry, price: PriceEntry): OfferFacts {
  return {
    region: entry.region,
    country: entry.country,
    jurisdiction: entry.jurisdiction,
    network: entry.network,
    model: entry.model,
    evidence: entry.evidence,
    isolation: entry.isolation,
    priceNanosPerMillion: Number(price.inputNanosPerMillion),
  };
}
