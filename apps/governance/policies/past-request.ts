import type { OfferFacts, PolicyContext, PolicyOffer, PolicyPrincipal } from '#policy';
import { decisionFields, type DecisionFields, type OfferEntry, type PriceEntry, type RecordBody } from '#protocol';

/** An offer as policies and people see it. */
export interface MarketOffer extends PolicyOffer {
  readonly entry: OfferEntry;
}

/** The decision that a record's body holds; undefined when it holds none. */
export function decisionOf(body: RecordBody): DecisionFields | undefined {
  return decisionFields.safeParse(body.fields).data;
}

/** Who asked, as the policies saw it then. */
export function principalOf(tenant: string, { principal }: DecisionFields): PolicyPrincipal {
  return { id: principal.keyId, organisation: tenant, project: principal.project, role: principal.role };
}

/** What was asked, as the policies saw it then. */
export function contextOf(decision: DecisionFields): PolicyContext {
  return {
    dataClass: decision.dataClass,
    findings: decision.findings.map(({ kind }) => kind),
    personalData: decision.findings.length > 0,
    purpose: decision.purpose ?? undefined,
    subjectRegion: decision.subjectRegion ?? undefined,
    dataset: decision.dataset ?? undefined,
    tags: decision.tags,
    model: decision.model,
    endpoint: decision.endpoint,
  };
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
