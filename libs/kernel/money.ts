import { DomainError, ErrorKind } from './errors.js';

/** An amount of money in 10⁻⁹ of its currency unit (1 USD = 10⁹ nanos). Always an integer. */
export type Nanos = bigint;

/** The largest value a Postgres `bigint` holds; more than nine billion dollars. */
export const nanosMax: Nanos = 2n ** 63n - 1n;

/** Asserts that an amount fits the ledger's column. Error: `AMOUNT_OVERFLOW`. */
export function checkedNanos(value: Nanos): Nanos {
  if (value > nanosMax || value < -nanosMax) {
    throw new DomainError('AMOUNT_OVERFLOW', ErrorKind.invalid, 'the amount is beyond 2^63 nano-units');
  }
  return value;
}

/** `quantity × priceNanos ÷ per`, rounded half up; all non-negative. Error: `AMOUNT_OVERFLOW`. */
export function priceOf(quantity: bigint, priceNanos: Nanos, per: bigint): Nanos {
  return checkedNanos((quantity * priceNanos + per / 2n) / per);
}

/** Decimal text of nano-units, for people: `1234567890n` → `1.23456789`. */
export function formatNanos(value: Nanos): string {
  const sign = value < 0n ? '-' : '';
  const abs = value < 0n ? -value : value;
  const fraction = (abs % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${sign}${abs / 1_000_000_000n}${fraction ? `.${fraction}` : ''}`;
}

/** Inverse of {@link formatNanos}. Error: `AMOUNT_INVALID`. */
export function parseNanos(text: string): Nanos {
  const match = /^(-?)(\d{1,10})(?:\.(\d{1,9}))?$/.exec(text);
  if (!match) {
    throw new DomainError('AMOUNT_INVALID', ErrorKind.invalid, `"${text}" is not a decimal amount with at most 9 places`);
  }
  const value = BigInt(match[2]!) * 1_000_000_000n + BigInt((match[3] ?? '').padEnd(9, '0') || '0');
  return checkedNanos(match[1] ? -value : value);
}
