import { measuredMeters, nanosMax } from '#kernel';
import type { MeterNanos, MeterPrices, Nanos } from '#kernel';
import { failure, priceHash } from '#protocol';
import type { PricedBy } from '#protocol';

/** What an offer costs, from when until when. A version never changes; a new price is a new version. */
export interface PriceVersion extends MeterPrices {
  readonly version: string;
  readonly offer: string;
  readonly currency: 'USD';
  readonly hash: string;
  readonly validFromMs: number;
  readonly validToMs: number | null;
  /** Where a price book made it of what the machine asks. */
  readonly book?: PricedBy | undefined;
}

const checkedPrice = (name: string, value: Nanos): Nanos => {
  if (value < 0n || value > nanosMax) throw failure('AMOUNT_INVALID', `${name} must be between 0 and 2^63 − 1 nano-dollars per 10⁶ tokens, for each request or for what a meter counts`, { [name]: value.toString() });
  return value;
};

/** Without members that are not there, and none at all when there are none. Cached tokens may not cost more than others: a request is reserved as if none were cached. */
function checkedMeters({ meters, inputNanosPerMillion }: MeterPrices): { meters?: MeterNanos } {
  const named = measuredMeters.flatMap((meter) => (meters?.[meter] === undefined ? [] : [[meter, checkedPrice(`meters.${meter}`, meters[meter])] as const]));
  const cachedNanos = meters?.cached_tokens;
  if (cachedNanos !== undefined && cachedNanos > inputNanosPerMillion) throw failure('AMOUNT_INVALID', 'meters.cached_tokens must not be above inputNanosPerMillion: cached tokens are a part of the input', { cached_tokens: cachedNanos.toString() });
  return named.length === 0 ? {} : { meters: Object.fromEntries(named) };
}

/** Error: AMOUNT_INVALID. */
export function newPriceVersion(version: string, offer: string, prices: MeterPrices, validFromMs: number, book?: PricedBy): PriceVersion {
  const price = {
    offer,
    currency: 'USD' as const,
    inputNanosPerMillion: checkedPrice('inputNanosPerMillion', prices.inputNanosPerMillion),
    outputNanosPerMillion: checkedPrice('outputNanosPerMillion', prices.outputNanosPerMillion),
    ...(prices.requestNanos !== undefined && { requestNanos: checkedPrice('requestNanos', prices.requestNanos) }),
    ...checkedMeters(prices),
    validFromMs,
  };
  return { ...price, version, hash: priceHash(price), validToMs: null, ...(book && { book }) };
}
