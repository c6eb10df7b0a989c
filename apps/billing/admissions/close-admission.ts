import type { MeterPrices, Nanos } from '#kernel';
import type { CompletedFacts, Usage } from '#protocol';
import { costOf } from '../charges/charge.js';
import type { Receipt } from '../receipts/receipt.js';
import type { OpenAdmission } from './admission.js';

/** A price version as far as closing needs it. */
export interface ClosingPrice extends MeterPrices {
  readonly version: string;
}

export interface Closing {
  /** `completed` from a receipt, `voided` when there is none to go by. */
  readonly type: 'completed' | 'voided';
  readonly facts: CompletedFacts;
  /** Receipts that ask for more than was held for the request. */
  readonly overHold: readonly { node: string; chargeNanos: Nanos }[];
}

/** More than any request is measured in. What has no price costs nothing however much it is, and is summed all the same: sums must stay integers of JSON. */
const quantityMax = 10 ** 12;

/** Also no more cached tokens than tokens. */
export const isPlausible = ({ inputTokens, outputTokens, meters = {} }: Usage): boolean => [inputTokens, outputTokens, ...Object.values(meters)].every((quantity = 0) => quantity <= quantityMax) && (meters.cached_tokens ?? 0) <= inputTokens;

/**
 * How an admission whose end was never recorded is closed. A genuine receipt over the admitted request and model is paid at
 * the price the job was admitted under (at that time's price of the offer, if another node took over), as long as that is
 * within the hold: nothing may cost a tenant more than was reserved. Without such a receipt it is voided at zero.
 * `receipts` are verified; the admitted node's own goes first.
 */
export function closeAdmission(admission: OpenAdmission, receipts: readonly Receipt[], priceOf: (receipt: Receipt) => ClosingPrice | undefined, nowMs: number): Closing {
  const overHold: { node: string; chargeNanos: Nanos }[] = [];
  const own = (receipt: Receipt): number => (receipt.body.node === admission.node ? 0 : 1);
  for (const receipt of [...receipts].sort((a, b) => own(a) - own(b))) {
    const { body } = receipt;
    if (body.requestHash !== admission.requestHash || body.model !== admission.model || body.endpoint !== admission.endpoint || !isPlausible(body.usage)) continue;
    const price = priceOf(receipt);
    if (!price) continue;
    const chargeNanos = costOf(body.usage, price);
    if (chargeNanos > admission.holdNanos) {
      overHold.push({ node: body.node, chargeNanos });
      continue;
    }
    const { offer, node, usage, responseHash } = body;
    const facts: CompletedFacts = {
      ...closed(admission, nowMs),
      offer,
      node,
      priceVersion: price.version,
      outcome: 'ok',
      usage,
      usageSource: 'receipt',
      chargeNanos,
      responseHash,
      attempts: [{ offer, node, outcome: 'ok' }],
      receipt: receipt.signed,
    };
    return { type: 'completed', facts, overHold };
  }
  return { type: 'voided', facts: closed(admission, nowMs), overHold };
}

function closed(admission: OpenAdmission, nowMs: number): CompletedFacts {
  const { record, tenant, project, budget, lease, offer, node, priceVersion } = admission;
  return {
    kind: 'completed',
    ...{ record, tenant, project, budget, lease, offer, node, priceVersion },
    outcome: 'failed',
    usage: { inputTokens: 0, outputTokens: 0 },
    usageSource: 'none',
    chargeNanos: 0n,
    responseHash: null,
    attempts: [],
    receipt: null,
    completedAtMs: nowMs,
    closedBy: 'billing',
  };
}
