import type { Nanos } from '#kernel';
import { nanosFor, unitsFor } from '#protocol';
import type { ConversionRate, Ratio } from '#protocol';
import { drawn, namedUuid, payable } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';

/** What is owed to a payee by a tenant, and what was drawn for it before. */
export interface Owed {
  readonly payee: string;
  readonly owedNanos: Nanos;
  readonly cumulativeUnits: bigint;
  /** No more than this is paid of it now; left out: all. */
  readonly unitsMax?: bigint;
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

/**
 * Of those that are owed a unit, the `payeesMax` that are owed most, in the order they came; of equals the first. `unitsMax` in all: those who are owed most come first, and
 * the one at whom it ends is paid in part.
 */
export function mostOwed(owed: readonly Owed[], rate: Ratio, payeesMax: number, unitsMax?: bigint): readonly Owed[] {
  const due = owed.filter(({ owedNanos }) => unitsFor(owedNanos, rate) > 0n);
  if (due.length <= payeesMax && unitsMax === undefined) return due;
  const byAmount = [...due].sort((a, b) => (a.owedNanos === b.owedNanos ? 0 : a.owedNanos > b.owedNanos ? -1 : 1));
  const chosen = within(byAmount.slice(0, payeesMax), rate, unitsMax);
  return due.flatMap((each) => chosen.get(each) ?? []);
}

function within(byAmount: readonly Owed[], rate: Ratio, unitsMax: bigint | undefined): Map<Owed, Owed> {
  const chosen = new Map<Owed, Owed>();
  let left = unitsMax;
  for (const each of byAmount) {
    const units = unitsFor(each.owedNanos, rate);
    if (left === 0n) break;
    chosen.set(each, left !== undefined && units > left ? { ...each, unitsMax: left } : each);
    if (left !== undefined) left -= units < left ? units : left;
  }
  return chosen;
}

/** Whole token units only; what is left of each payee's nanos stays payable. `undefined` when there is not one unit to pay. */
export function drawStatement(id: string, tenant: string, owed: readonly Owed[], rate: ConversionRate, drawnBeforeUnits: bigint): Statement | undefined {
  const lines = owed
    .map(({ payee, owedNanos, cumulativeUnits, unitsMax }) => ({ payee, units: unitsMax ?? unitsFor(owedNanos, rate), before: cumulativeUnits }))
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

/** The same the other way round: nothing of the draw was signed, and all of it is owed again. */
export function takeBackTransfer({ id, tenant, lines }: Statement): Transfer {
  return transfer(namedUuid('payables.take-back', id), 'payables.take-back', tenant, lines.flatMap(({ payee, nanos }) => move(payable(tenant, payee), drawn(tenant, payee), nanos)));
}
