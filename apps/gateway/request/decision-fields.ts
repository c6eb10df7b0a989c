import { meterPricesJson, unchanging } from '#protocol';
import type { DecisionFields, RecordFields } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { SeenOffers } from '../market/offer-sets.js';
import type { Classification } from './classify.js';
import type { Decision } from './decide.js';
import type { InferenceJob } from './inference-job.js';

/** The decision as the record's body holds it: facts about the request and hashes, never its content. */
export function fieldsOfDecision(job: InferenceJob, classification: Classification, decision: Decision, offersSeen: SeenOffers | null, durability: DecisionFields['durability']): RecordFields {
  const { purpose, subject, subjectRegion, dataset, tags } = job.declared;
  const fields: DecisionFields = {
    principal: { keyId: job.keyId, project: job.project.id, role: job.role, organisation: job.tenant.tenant },
    model: job.model,
    endpoint: job.endpoint,
    declaredClass: classification.declaredClass,
    dataClass: classification.dataClass,
    findings: classification.findings.map(({ kind, count }) => ({ kind, count })),
    purpose,
    subject,
    subjectRegion,
    dataset,
    tags: [...tags],
    policyVersion: decision.policyVersion,
    policyHash: decision.policyHash,
    decision: decision.decision,
    policies: decision.policies.map(({ id, reason }) => ({ id, reason })),
    permittedOffers: decision.permitted.length,
    consideredOffers: decision.considered,
    offersSeen,
    durability,
  };
  return fields;
}

const machines = new WeakMap<MarketOffer, RecordFields>();

/** Where the job ran, and how each fact about that machine is known. */
export function machineFields(offer: MarketOffer): RecordFields {
  let fields = machines.get(offer);
  if (fields === undefined) machines.set(offer, (fields = machineFieldsOf(offer)));
  return fields;
}

function machineFieldsOf(offer: MarketOffer): RecordFields {
  const { entry } = offer;
  return {
    machine: unchanging({ node: entry.node, name: entry.nodeName, network: entry.network, region: entry.region, country: entry.country, jurisdiction: entry.jurisdiction, evidence: entry.evidence, isolation: entry.isolation }),
    ...priceField(offer),
  };
}

/** Under which price it is charged. */
export function priceField({ price }: MarketOffer): RecordFields {
  return {
    price: unchanging({ version: price.version, hash: price.hash, currency: price.currency, inputNanosPerMillion: price.inputNanosPerMillion.toString(), outputNanosPerMillion: price.outputNanosPerMillion.toString(), ...(price.requestNanos !== undefined && { requestNanos: price.requestNanos.toString() }), ...(price.meters && { meters: meterPricesJson(price.meters) }) }),
  };
}
