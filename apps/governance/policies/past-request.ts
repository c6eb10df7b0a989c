import { decisionIn, type OfferFacts, type PolicyOffer } from '#policy';
import { type DecisionFields, type OfferEntry, type PriceEntry, type RecordBody } from '#protocol';

/** An offer as policies and people see it. */
export interface MarketOffer extends PolicyOffer {
  readonly entry: OfferEntry;
}

/** The decision that a record's body holds, and what of it is erased; undefined when it holds none. */
export function decisionOf({ fields, person }: RecordBody): { decision: DecisionFields; hidden: readonly string[] } | undefined {
  const hidden = person?.secret === null ? Object.keys(person.commitments) : [];
  const decision = decisionIn(fields, hidden);
  return decision && { decision, hidden };
}

/** Offers that could serve the request now: its model and endpoint, with a price, up or down. */
export function offersFor(decision: DecisionFields, offers: Iterable<OfferEntry>, priceOf: (offer: string) => PriceEntry | undefined): MarketOffer[] {
  return [...offers].flatMap((entry) => {
    const price = priceOf(entry.id);
    if (!price || entry.model !== decision.model || !entry.endpoints.includes(decision.endpoint)) return [];
    return [{ id: entry.id, facts: factsOf(entry, price), entry }];
  });
}

function factsOf(entry: OfferEntry, price: PriceEntry): OfferFacts {
  const { region, country, jurisdiction, network, model, evidence, isolation } = entry;
  return { region, country, jurisdiction, network, model, evidence, isolation, priceNanosPerMillion: Number(price.inputNanosPerMillion) };
}
