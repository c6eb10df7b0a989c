import type { Nanos } from '#kernel';
import { nanosFor, unitsFor } from '#protocol';
import type { ConversionRate, Ratio } from '#protocol';
import { drawn, payable } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';

/** What is owed to a payee by a tenant, and what was drawn for it before. */
export interface Owed {
  readonly payee: string;
  readonly owedNanos: Nanos;
  readonly cumulativeUnits: bigint;
}

export interface StatementLine {
  readonly payee: string;
  readonly units: bigint;
  /** With all earlier statements. */
  readonly cumulativeUnits: bigint;
  /** What of the debt the units pay. */
  readonly nanos: Nanos;
}

/** Everything owed by one tenant that whole token units can pay. */
export interface Statement {
  readonly id: string;
  readonly tenant: string;
  readonly rate: ConversionRate;
  readonly lines: readonly StatementLine[];
  readonly totalUnits: bigint;
  readonly cumulativeTotalUnits: bigint;
}

/** Of those that are owed a unit, the `payeesMax` that are owed most, in the order they came; of equals the first. */
export function mostOwed(owed: readonly Owed[], rate: Ratio, payeesMax: number): readonly Owed[] {
  const due = owed.filter(({ owedNanos }) => unitsFor(owedNanos, rate) > 0n);
  if (due.length <= payeesMax) return due;
  const byAmount = [...due].sort((a, b) => (a.owedNanos === b.owedNanos ? 0 : a.owedNanos > b.owedNanos ? -1 : 1));
  const chosen = new Set(byAmount.slice(0, payeesMax));
  return due.filter((each) => chosen.has(each));
}

/** Whole token units only; what is left of each payee's nanos stays payable. `undefined` when there is not one unit to pay. */
export function drawStatement(id: string, tenant: string, owed: readonly Owed[], rate: ConversionRate, drawnBeforeUnits: bigint): Statement | undefined {
  const lines = owed
    .map(({ payee, owedNanos, cumulativeUnits }) => ({ payee, units: unitsFor(owedNanos, rate), before: cumulativeUnits }))
    .filter(({ units }) => units > 0n)
    .map(({ payee, units, before }) => ({ payee, units, cumulativeUnits: before + units, nanos: nanosFor(units, rate) }));
  if (lines.length === 0) return undefined;
  const totalUnits = lines.reduce((sum, { units }) => sum + units, 0n);
  return { id, tenant, rate, lines, totalUnits, cumulativeTotalUnits: drawnBeforeUnits + totalUnits };
}

/** D payable / C drawn, per payee. */
export function drawTransfer({ id, tenant, lines }: Statement): Transfer {
  return transfer(id, 'payables.draw', tenant, lines.flatMap(({ payee, nanos }) => move(drawn(tenant, payee), payable(tenant, payee), nanos)));
}
