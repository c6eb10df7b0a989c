import type { Nanos } from '#kernel';
import { nanosMax } from '#kernel';
import { failure, priceHash } from '#protocol';
import type { TokenPrices } from '#protocol';

/** What an offer costs, from when until when. A version never changes; a new price is a new version. */
export interface PriceVersion extends TokenPrices {
  readonly version: string;
  readonly offer: string;
  readonly currency: 'USD';
  readonly hash: string;
  readonly validFromMs: number;
  readonly validToMs: number | null;
}

const checkedPrice = (name: string, value: Nanos): Nanos => {
  if (value < 0n || value > nanosMax) throw failure('AMOUNT_INVALID', `${name} must be between 0 and 2^63 − 1 nano-dollars per 10⁶ tokens`, { [name]: value.toString() });
  return value;
};

/** Error: AMOUNT_INVALID. */
export function newPriceVersion(version: string, offer: string, prices: TokenPrices, validFromMs: number): PriceVersion {
  const price = {
    offer,
    currency: 'USD' as const,
    inputNanosPerMillion: checkedPrice('inputNanosPerMillion', prices.inputNanosPerMillion),
    outputNanosPerMillion: checkedPrice('outputNanosPerMillion', prices.outputNanosPerMillion),
    validFromMs,
  };
  return { ...price, version, hash: priceHash(price), validToMs: null };
}
