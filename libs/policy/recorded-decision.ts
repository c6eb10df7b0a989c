import type { DecisionFields } from '#protocol';
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
