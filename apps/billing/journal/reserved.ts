import { createHash } from 'node:crypto';
import { canonicalJson, nanosMax } from '#kernel';
import { failure } from '#protocol';
import type { Leg, NewReservation } from '#protocol';

/** Kinds that finance moves by hand: of the deployment alone, and such that no other book keeps count of. */
export const movableKinds: ReadonlySet<string> = new Set(['operator', 'margin', 'network-fee', 'fees', 'discount', 'promotion', 'tax', 'rounding', 'allowance', 'received']);

/** By how much each account may be debited and credited. */
export function reservedBy(legs: readonly Leg[]): Map<string, { debitNanos: bigint; creditNanos: bigint }> {
  const sums = new Map<string, { debitNanos: bigint; creditNanos: bigint }>();
  const add = (code: string, debitNanos: bigint, creditNanos: bigint): void => {
    const sum = sums.get(code) ?? { debitNanos: 0n, creditNanos: 0n };
    sums.set(code, { debitNanos: sum.debitNanos + debitNanos, creditNanos: sum.creditNanos + creditNanos });
  };
  for (const { debit, credit, amountNanos } of legs) {
    add(debit, amountNanos, 0n);
    add(credit, 0n, amountNanos);
  }
  return sums;
}

/** Errors: AMOUNT_INVALID, AMOUNT_OVERFLOW. */
export function assertAmounts(legs: readonly Leg[]): void {
  for (const [index, { amountNanos }] of legs.entries()) {
    if (amountNanos <= 0n) throw failure('AMOUNT_INVALID', `leg ${index + 1} moves ${amountNanos}; an amount is more than nothing`, { param: 'legs' });
  }
  for (const [code, { debitNanos, creditNanos }] of reservedBy(legs)) {
    if (debitNanos > nanosMax || creditNanos > nanosMax) throw failure('AMOUNT_OVERFLOW', `more than 2^63 − 1 nano-units of ${code} would move`, { param: 'legs' });
  }
}

/** What is posted of each leg. Error: AMOUNT_INVALID. */
export function partsOf(legs: readonly Leg[], asked: readonly bigint[] | undefined): bigint[] {
  if (asked === undefined) return legs.map(({ amountNanos }) => amountNanos);
  if (asked.length !== legs.length) throw failure('AMOUNT_INVALID', `there are ${legs.length} legs, and ${asked.length} amounts for them`, { param: 'amountsNanos' });
  for (const [index, nanos] of asked.entries()) {
    if (nanos < 0n || nanos > legs[index]!.amountNanos) throw failure('AMOUNT_INVALID', `of leg ${index + 1} between 0 and ${legs[index]!.amountNanos} can be posted`, { param: 'amountsNanos' });
  }
  if (asked.every((nanos) => nanos === 0n)) throw failure('AMOUNT_INVALID', 'nothing would be posted: void it instead', { param: 'amountsNanos' });
  return [...asked];
}

export function reservationHash({ note, currency, legs, expiresAtMs }: NewReservation): string {
  const said = { note, currency, expiresAtMs, legs: legs.map(({ debit, credit, amountNanos }) => ({ debit, credit, amountNanos: amountNanos.toString() })) };
  return createHash('sha256').update(canonicalJson(said)).digest('hex');
}
