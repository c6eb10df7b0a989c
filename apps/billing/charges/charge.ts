import { createHash } from 'node:crypto';
import { canonicalJson, isDomainError, nanosMax } from '#kernel';
import type { Nanos } from '#kernel';
import { chargeOf } from '#protocol';
import type { CompletedFacts, TokenPrices, Usage } from '#protocol';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { Anomaly } from '../anomalies/anomaly.js';
import { budgetAccounts, payable, receivable, unassigned } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Line, Transfer } from '../ledger/transfer.js';
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
export function costOf(usage: Usage, price: TokenPrices): Nanos {
  try {
    return chargeOf(usage, price);
  } catch (error) {
    if (isDomainError(error, 'AMOUNT_OVERFLOW')) return nanosMax + 1n;
    throw error;
  }
}

/** SHA-256, hex, of what decides about money: two `completed` facts of one record must agree in it. */
function factsHash(facts: CompletedFacts, recordType: string): string {
  const { record, tenant, project, budget, lease, offer, node, priceVersion, outcome, usage } = facts;
  const text = canonicalJson({ recordType, record, tenant, project, budget, lease, offer, node, priceVersion, outcome, usage, chargeNanos: facts.chargeNanos.toString() });
  return createHash('sha256').update(text).digest('hex');
}

/** What is wrong with a recorded charge under its price version. The recorded one is booked all the same. */
export function priceAnomalies({ facts, amountNanos }: Charge, price: (TokenPrices & { offer: string }) | undefined): Anomaly[] {
  const about = { subject: facts.record, tenant: facts.tenant };
  if (!isAmount(facts.chargeNanos)) return [{ ...about, kind: anomalyKinds.chargeInvalid, detail: { chargeNanos: facts.chargeNanos.toString() } }];
  if (!price || price.offer !== facts.offer) {
    return amountNanos === 0n ? [] : [{ ...about, kind: anomalyKinds.priceUnknown, detail: { priceVersion: facts.priceVersion, offer: facts.offer } }];
  }
  const expected = facts.outcome === 'failed' ? 0n : costOf(facts.usage, price);
  if (expected === amountNanos) return [];
  return [{ ...about, kind: anomalyKinds.chargeMismatch, detail: { recordedNanos: amountNanos.toString(), computedNanos: expected.toString() } }];
}

/**
 * The charge in the books: the tenant owes it, the payee has earned it, the budget has spent it. `payee` undefined = the
 * node's enrolment has not been heard of; `hasBudget` false = there is no such budget.
 */
export function chargeTransfer({ facts, amountNanos }: Charge, use: LeaseUseBooking, payee: string | undefined, hasBudget: boolean): Transfer {
  const { record, tenant, node, budget } = facts;
  const lines: Line[] = move(payee === undefined ? unassigned(tenant, node) : payable(tenant, payee), receivable(tenant), amountNanos);
  if (hasBudget) {
    const { available, leased, spent } = budgetAccounts(budget, tenant);
    lines.push(...move(leased, spent, use.fromLeaseNanos), ...move(available, spent, use.fromAvailableNanos), ...move(leased, available, use.returnedNanos));
  }
  return transfer(record, 'charge', tenant, lines);
}
