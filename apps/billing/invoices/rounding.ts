/** Nano-units in a hundredth of a currency. */
export const nanosPerMinor = 10_000_000n;

/** `value ÷ by`, half away from zero; `by` is positive. */
export function dividedHalfUp(value: bigint, by: bigint): bigint {
  const magnitude = ((value < 0n ? -value : value) * 2n + by) / (by * 2n);
  return value < 0n ? -magnitude : magnitude;
}

export const toMinor = (nanos: bigint): bigint => dividedHalfUp(nanos, nanosPerMinor);

/** Nano-dollars in nano-units of another currency. */
export const fromUsd = (usdNanos: bigint, nanosPerUsd: bigint): bigint => dividedHalfUp(usdNanos * nanosPerUsd, 1_000_000_000n);
/** And back. */
export const toUsd = (nanos: bigint, nanosPerUsd: bigint): bigint => dividedHalfUp(nanos * 1_000_000_000n, nanosPerUsd);

/** `base × rate`, once per category and rate: not line by line. */
export const taxOn = (baseMinor: bigint, rateBasisPoints: number): bigint => dividedHalfUp(baseMinor * BigInt(rateBasisPoints), 10_000n);

/** 123456 → `1234.56`. */
export function minorText(minor: bigint): string {
  const digits = (minor < 0n ? -minor : minor).toString().padStart(3, '0');
  return `${minor < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
