import type { CompiledPolicySet, DecisionMemo, DeterminingPolicy, PolicyContext, PolicyPrincipal } from '#policy';
import { compilePolicies, defaultDenyId } from '#policy';
import type { PolicyEntry } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { Replicated } from '../replicated.js';
import type { Classification } from './classify.js';
import type { InferenceJob } from './inference-job.js';

export interface Decision {
  readonly decision: 'permit' | 'deny';
  /** What determined it; never empty. */
  readonly policies: readonly DeterminingPolicy[];
  /** In the order given. */
  readonly permitted: readonly MarketOffer[];
  readonly considered: number;
  /** 0 and null: the organisation has published no policy. */
  readonly policyVersion: number;
  readonly policyHash: string | null;
}

interface Compiled {
  readonly entry: PolicyEntry;
  readonly set: CompiledPolicySet;
}

/** Step 3: the organisation's policies over every offer of the model. No policy means no. */
export class Decider {
  /** The set in force of each organisation, compiled at first use. Hundreds of organisations × 0.1 MB. */
  private readonly compiled = new Map<string, Compiled>();

  constructor(
    private readonly replicated: Pick<Replicated, 'policies'>,
    private readonly memo: DecisionMemo,
  ) {
    replicated.policies.onChange((tenant) => (tenant === null ? this.compiled.clear() : this.compiled.delete(tenant)));
  }

  decide(job: InferenceJob, classification: Classification, offers: readonly MarketOffer[]): Decision {
    const inForce = this.inForce(job.tenant.tenant);
    if (!inForce) {
      const none = { id: defaultDenyId, reason: 'The organisation has published no policy, and what is not permitted is denied.' };
      return { decision: 'deny', policies: [none], permitted: [], considered: offers.length, policyVersion: 0, policyHash: null };
    }
    const { permitted, refusals } = this.memo.decideOffers(inForce.set, principalOf(job), contextOf(job, classification), offers);
    const decision = permitted.length > 0 ? 'permit' : 'deny';
    const determining = decision === 'permit' ? permitted : refusals;
    return {
      decision,
      policies: distinct(determining.flatMap(({ policies }) => policies)),
      permitted: permitted.map(({ offer }) => offer),
      considered: offers.length,
      policyVersion: inForce.entry.version,
      policyHash: inForce.entry.hash,
    };
  }

  private inForce(tenant: string): Compiled | undefined {
    const entry = this.replicated.policies.get(tenant);
    if (!entry) return undefined;
    const known = this.compiled.get(tenant);
    if (known?.entry === entry) return known;
    const fresh = { entry, set: compilePolicies(entry.text) };
    this.compiled.set(tenant, fresh);
    return fresh;
  }
}

const principalOf = (job: InferenceJob): PolicyPrincipal => ({ id: job.keyId, organisation: job.tenant.tenant, project: job.project.id, role: job.role });

function contextOf(job: InferenceJob, { dataClass, findings }: Classification): PolicyContext {
  const { purpose, subjectRegion, dataset, tags } = job.declared;
  return {
    dataClass,
    findings: findings.map(({ kind }) => kind),
    personalData: findings.length > 0,
    purpose: purpose ?? undefined,
    subjectRegion: subjectRegion ?? undefined,
    dataset: dataset ?? undefined,
    tags,
    model: job.model,
    endpoint: job.endpoint,
  };
}

function distinct(policies: readonly DeterminingPolicy[]): DeterminingPolicy[] {
  return [...new Map(policies.map((policy) => [policy.id, policy])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}
