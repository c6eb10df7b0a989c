import { createHash } from 'node:crypto';
import { canonicalJson, isDomainError, nanosMax } from '#kernel';
import type { MeterPrices, Nanos } from '#kernel';
import { askOf, chargeOf } from '#protocol';
import type { CompletedFacts, PricedBy, Usage } from '#protocol';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { Anomaly } from '../anomalies/anomaly.js';
import { budgetAccounts, margin, networkFees, payable, receivable, unassigned } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Line, Transfer } from '../ledger/transfer.js';
import { split } from '../royalties/split.js';
import type { LeaseUseBooking } from '../leases/lease-usage.js';

/** The one charge of a record, zero included. */
export interface Charge {
  readonly facts: CompletedFacts;
  /** Which log entry it follows from. */
  readonly recordType: 'completed' | 'voided';
  readonly amountNanos: Nanos;
  readonly inputHash: string;
}

/** A charge from a record's facts. An amount that no book can hold becomes zero (and an anomaly). */
export function chargeFrom(facts: CompletedFacts, recordType: 'completed' | 'voided'): Charge {
  const amountNanos = isAmount(facts.chargeNanos) ? facts.chargeNanos : 0n;
  return { facts, recordType, amountNanos, inputHash: factsHash(facts, recordType) };
}

const isAmount = (value: Nanos): boolean => value >= 0n && value <= nanosMax;

/** What usage costs, for comparing: more than any amount, where it is beyond what an amount can be. Usage is what a node says. */
export function costOf(usage: Usage, price: MeterPrices): Nanos {
  try {
    return chargeOf(usage, price);
  } catch (error) {
    if (isDomainError(error, 'AMOUNT_OVERFLOW')) return nanosMax + 1n;
    throw error;
  }
}

/** Whose what of a charge is: the machine's, the network's fee, and the deployment's own. They sum to it. */
export interface ChargeParts {
  readonly earnedNanos: Nanos;
  readonly networkFeeNanos: Nanos;
  readonly markupNanos: Nanos;
  /** Of the fee; `null` = not known. */
  readonly network: string | null;
}

/** By the price version of the admission. What the machine asks comes first; without a price book all of it is the machine's. */
export function partsOf({ facts, amountNanos }: Charge, price: (MeterPrices & { offer: string; book?: PricedBy | undefined }) | undefined): ChargeParts {
  // An answer that was given again is no machine's work.
  if (facts.outcome === 'reused') return { earnedNanos: 0n, networkFeeNanos: 0n, markupNanos: amountNanos, network: null };
  const by = price?.offer === facts.offer ? price.book : undefined;
  const requestNanos = facts.usageSource === 'none' ? 0n : (by?.requestNanos ?? 0n);
  if (!by || (by.networkFeeBasisPoints + by.markupBasisPoints === 0 && requestNanos === 0n)) return { earnedNanos: amountNanos, networkFeeNanos: 0n, markupNanos: 0n, network: null };
  const asked = costOf(facts.usage, askOf({ ...price!, book: by }));
  const earnedNanos = asked < amountNanos ? asked : amountNanos;
  const rest = amountNanos - earnedNanos;
  // What each request costs is the deployment's own; without shares so is whatever is left.
  const ownNanos = requestNanos < rest ? requestNanos : rest;
  const [networkFeeNanos, markupNanos] = by.networkFeeBasisPoints + by.markupBasisPoints === 0 ? [0n, rest - ownNanos] : (split(rest - ownNanos, [BigInt(by.networkFeeBasisPoints), BigInt(by.markupBasisPoints)]) as [Nanos, Nanos]);
  return { earnedNanos, networkFeeNanos, markupNanos: markupNanos + ownNanos, network: by.network };
}

/** SHA-256, hex, of what decides about money: two `completed` facts of one record must agree in it. */
function factsHash(facts: CompletedFacts, recordType: string): string {
  const { record, tenant, project, budget, lease, offer, node, priceVersion, outcome, usage } = facts;
  const text = canonicalJson({ recordType, record, tenant, project, budget, lease, offer, node, priceVersion, outcome, usage, chargeNanos: facts.chargeNanos.toString() });
  return createHash('sha256').update(text).digest('hex');
}

/** What is wrong with a recorded charge under its price version. The recorded one is booked all the same. */
export function priceAnomalies({ facts, amountNanos }: Charge, price: (MeterPrices & { offer: string }) | undefined): Anomaly[] {
  const about = { subject: facts.record, tenant: facts.tenant };
  if (!isAmount(facts.chargeNanos)) return [{ ...about, kind: anomalyKinds.chargeInvalid, detail: { chargeNanos: facts.chargeNanos.toString() } }];
  if (!price || price.offer !== facts.offer) {
    return amountNanos === 0n ? [] : [{ ...about, kind: anomalyKinds.priceUnknown, detail: { priceVersion: facts.priceVersion, offer: facts.offer } }];
  }
  const expected = facts.outcome === 'failed' ? 0n : costOf(facts.usage, facts.usageSource === 'none' ? { ...price, requestNanos: undefined } : price);
  if (expected === amountNanos) return [];
  return [{ ...about, kind: anomalyKinds.chargeMismatch, detail: { recordedNanos: amountNanos.toString(), computedNanos: expected.toString() } }];
}

/**
 * The charge in the books: the tenant owes it, the payee has earned its part, the budget has spent it. `payee` undefined = the
 * node's enrolment has not been heard of; `hasBudget` false = there is no such budget.
 */
export function chargeTransfer({ facts }: Charge, parts: ChargeParts, use: LeaseUseBooking, payee: string | undefined, hasBudget: boolean): Transfer {
  const { record, tenant, node, budget } = facts;
  const owes = receivable(tenant);
  const lines: Line[] = [
    ...move(payee === undefined ? unassigned(tenant, node) : payable(tenant, payee), owes, parts.earnedNanos),
    ...move(networkFees(parts.network), owes, parts.networkFeeNanos),
    ...move(margin, owes, parts.markupNanos),
  ];
  if (hasBudget) {
    const { available, leased, spent } = budgetAccounts(budget, tenant);
    lines.push(...move(leased, spent, use.fromLeaseNanos), ...move(available, spent, use.fromAvailableNanos), ...move(leased, available, use.returnedNanos));
  }
  return transfer(record, 'charge', tenant, lines);
}
