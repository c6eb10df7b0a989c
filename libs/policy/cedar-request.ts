import type { AuthorizationCall, CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs';
import { dataClasses } from '#protocol';
import { contextAttributes, offerAttributes, principalAttributes } from './attributes.js';
import type { OfferFacts, PolicyContext, PolicyPrincipal } from './attributes.js';
import { departure } from './conforms.js';
import type { PolicyRequest } from './decide.js';
import { applicationType, offerType, runAction } from './schema.js';

export type CedarRecord = Record<string, CedarValueJson>;

/** The principal's attributes, without its id. */
export function principalRecord({ id: _, ...attributes }: PolicyPrincipal): CedarRecord {
  return defined(attributes);
}

export function offerRecord(facts: OfferFacts): CedarRecord {
  return defined(facts);
}

/** The context with what follows from it: the rank of its class, and that any finding is personal data. */
export function contextRecord(context: PolicyContext): CedarRecord {
  return {
    ...defined(context),
    dataClassRank: dataClasses.indexOf(context.dataClass),
    personalData: Array.isArray(context.findings) && context.findings.length > 0 ? true : context.personalData,
  };
}

export const principalDeparture = (record: CedarRecord): string | undefined => departure(record, principalAttributes, 'principal');
export const offerDeparture = (record: CedarRecord): string | undefined => departure(record, offerAttributes, 'offer');
export const contextDeparture = (record: CedarRecord): string | undefined => departure(record, contextAttributes, 'context');

/** The request in Cedar's form, or what the schema does not know about it. */
export function toCedar({ principal, context, offer }: PolicyRequest): Omit<AuthorizationCall, 'policies'> | string {
  const [application, facts, record] = [principalRecord(principal), offerRecord(offer.facts), contextRecord(context)];
  const departed = principalDeparture(application) ?? contextDeparture(record) ?? offerDeparture(facts);
  if (departed) return departed;
  const applicationId = { type: applicationType, id: principal.id };
  const offerId = { type: offerType, id: offer.id };
  return {
    principal: applicationId,
    action: runAction,
    resource: offerId,
    context: record,
    entities: [
      { uid: applicationId, attrs: application, parents: [] },
      { uid: offerId, attrs: facts, parents: [] },
    ],
  };
}

function defined(value: object): CedarRecord {
  const record: CedarRecord = {};
  for (const name of Object.keys(value)) {
    const member = (value as CedarRecord)[name];
    if (member !== undefined) record[name] = member;
  }
  return record;
}
