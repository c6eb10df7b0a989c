import { costTagPrefix } from '#protocol';
import type { AdmittedFacts } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { Asked } from './decided.js';
import type { Hold } from './lease-account.js';

/** By whom, with what money, where and until when a job was let in. */
export interface LetIn {
  readonly gateway: string;
  readonly hold: Hold;
  readonly offer: MarketOffer;
  readonly nowMs: number;
  readonly deadlineMs: number;
}

/** Billing's part of the record that lets a request in. */
export function admittedFacts({ job, fields, decision, requestHash }: Asked, { gateway, hold, offer, nowMs, deadlineMs }: LetIn): AdmittedFacts {
  return {
    kind: 'admitted',
    record: job.id,
    tenant: job.tenant.tenant,
    project: job.project.id,
    keyId: job.keyId,
    gateway,
    budget: hold.budget,
    lease: hold.lease,
    fence: hold.fence,
    holdNanos: hold.amountNanos,
    offer: offer.id,
    node: offer.entry.node,
    priceVersion: offer.price.version,
    policyVersion: decision.policyVersion,
    model: job.model,
    endpoint: job.endpoint,
    dataClass: fields['dataClass'] as AdmittedFacts['dataClass'],
    requestHash,
    admittedAtMs: nowMs,
    deadlineMs,
    costTags: job.declared.tags.filter((tag) => tag.startsWith(costTagPrefix)),
    ...('hedgeOf' in fields && { hedgeOf: fields['hedgeOf'] as string }),
  };
}
