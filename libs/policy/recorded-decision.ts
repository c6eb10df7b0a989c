import { decisionFields, type DecisionFields } from '#protocol';
import type { PolicyContext, PolicyPrincipal } from './attributes.js';

/** Who asked, as the policies saw it when the record was made. */
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

/** What a record's body says of its decision. Of what names a person and is erased, nothing is known: then it stands as if nobody had declared it. */
export function decisionIn(fields: Readonly<Record<string, unknown>>, hidden: readonly string[]): DecisionFields | undefined {
  return decisionFields.safeParse(hidden.length === 0 ? fields : { ...(hidden.includes('subject') && { subject: null }), ...(hidden.includes('tags') && { tags: [] }), ...fields }).data;
}

/** Whether a policy may decide by what is hidden of a record: of these fields it can read the tags. */
export const mayRead = (policyText: string, hidden: readonly string[]): boolean => hidden.includes('tags') && /\btags\b/.test(policyText);
