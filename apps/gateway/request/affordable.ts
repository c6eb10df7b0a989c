import { isDomainError } from '#kernel';
import { chargeOf, failure } from '#protocol';
import type { LimitEntry } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import type { InferenceJob } from './inference-job.js';
import type { Hold } from './lease-account.js';
import { isOutOfMoney } from './out-of-money.js';
import type { LeaseBook } from './reserve.js';
import type { TokenBound } from './upper-bound.js';

export interface Reserved {
  readonly hold: Hold;
  /** The permitted offers that the hold covers: where the job may be placed, and moved to. */
  readonly offers: readonly MarketOffer[];
}

/** Whose money is held. */
export interface Payer {
  readonly tenant: string;
  readonly project: string;
  /** Set for a key whose own spend is limited. */
  readonly keyId?: string | undefined;
}

/** `keyLimit`: of the job's key. */
export const payerOf = ({ tenant, project, keyId }: Pick<InferenceJob, 'tenant' | 'project' | 'keyId'>, keyLimit: LimitEntry | undefined): Payer => ({
  tenant: tenant.tenant,
  project: project.id,
  keyId: keyLimit?.tenant === tenant.tenant && keyLimit.spend !== null ? keyId : undefined,
});

interface Costed {
  readonly offer: MarketOffer;
  readonly costNanos: bigint;
}

/**
 * Reserves for the dearest offer that the budget can bear: where it does not reach for all, the dearer half is left out, down to
 * the cheapest. One machine that asks an absurd price takes nothing from the others. Errors: those of `LeaseBook.hold`, PRICE_UNKNOWN.
 */
export async function holdAffordable(leases: Pick<LeaseBook, 'hold'>, { tenant, project, keyId }: Payer, bound: TokenBound, permitted: readonly MarketOffer[], costNanosMax?: bigint): Promise<Reserved> {
  let candidates = costed(bound, permitted).filter(({ costNanos }) => costNanosMax === undefined || costNanos <= costNanosMax);
  if (candidates.length === 0) throw failure('PRICE_UNKNOWN', 'no permitted machine asks a price that this request could be reserved under');
  for (;;) {
    try {
      const hold = await leases.hold(tenant, project, candidates.at(-1)!.costNanos, keyId);
      return { hold, offers: candidates.map(({ offer }) => offer) };
    } catch (error) {
      if (!isOutOfMoney(error) || candidates.length === 1) throw error;
      candidates = candidates.slice(0, Math.ceil(candidates.length / 2));
    }
  }
}

/** The cheapest machine and as many more as may have to take over. */
const sparesCounted = 3;

/** What a job costs at most on the third-cheapest machine: two may fail, and one that asks an absurd price changes nothing. Error: PRICE_UNKNOWN. */
export function costWithSpares(bound: TokenBound, permitted: readonly MarketOffer[]): bigint {
  const candidates = costed(bound, permitted).slice(0, sparesCounted);
  if (candidates.length === 0) throw failure('PRICE_UNKNOWN', 'no permitted machine asks a price that this request could be reserved under');
  return candidates.at(-1)!.costNanos;
}

/** What a job costs at most on the cheapest machine; nothing where none has a price that it could be reserved under. */
export const leastCost = (bound: TokenBound, permitted: readonly MarketOffer[]): bigint => costed(bound, permitted)[0]?.costNanos ?? 0n;

/** The cheapest first. A price whose product is beyond what the ledger holds cannot be reserved: such an offer is passed over. */
function costed(bound: TokenBound, offers: readonly MarketOffer[]): Costed[] {
  const all = offers.flatMap((offer) => {
    try {
      return [{ offer, costNanos: chargeOf(bound, offer.price) }];
    } catch (error) {
      if (isDomainError(error, 'AMOUNT_OVERFLOW')) return [];
      throw error;
    }
  });
  return all.sort((a, b) => (a.costNanos < b.costNanos ? -1 : a.costNanos > b.costNanos ? 1 : 0));
}
