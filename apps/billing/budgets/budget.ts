import type { Nanos } from '#kernel';
import { nanosMax } from '#kernel';
import { failure } from '#protocol';
import { budgetAccounts } from '../ledger/chart-of-accounts.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';

/** What a project may spend in all. Amounts are balances of its four accounts in the books. */
export interface Budget {
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  readonly limitNanos: Nanos;
  readonly availableNanos: Nanos;
  readonly leasedNanos: Nanos;
  readonly spentNanos: Nanos;
}

/** A limit is not negative and fits the books. Error: AMOUNT_INVALID. */
export function checkedLimit(limitNanos: Nanos): Nanos {
  if (limitNanos < 0n || limitNanos > nanosMax) throw failure('AMOUNT_INVALID', 'limitNanos must be between 0 and 2^63 − 1 nano-dollars', { limitNanos: limitNanos.toString() });
  return limitNanos;
}

/**
 * The change of a limit. Lowering it may leave `available` below zero: nothing is granted until it is above again, and
 * nothing is taken back.
 */
export function limitTransfer(id: string, budget: { id: string; tenant: string }, from: Nanos, to: Nanos): Transfer {
  const { limit, available } = budgetAccounts(budget.id, budget.tenant);
  return transfer(id, 'budget.set', budget.tenant, move(limit, available, to - from));
}
