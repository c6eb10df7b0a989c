import { createHash } from 'node:crypto';
import { canonicalJson, meterLines, sumOf } from '#kernel';
import type { MeterPrices, Nanos } from '#kernel';
import { meterPricesJson } from './meters.js';
import type { Usage } from './vocabulary.js';

/** The charge of one job that produced anything, in nanos: the sum of its lines. The meter and the books both use this function. Error: AMOUNT_OVERFLOW. */
export const chargeOf = (usage: Usage, prices: MeterPrices): Nanos => sumOf(meterLines(usage, prices));

/** SHA-256, hex, over the canonical JSON of what a price version says: names it in decision records. */
export function priceHash(price: MeterPrices & { offer: string; currency: string; validFromMs: number }): string {
  const text = canonicalJson({
    offer: price.offer,
    currency: price.currency,
    inputNanosPerMillion: price.inputNanosPerMillion.toString(),
    outputNanosPerMillion: price.outputNanosPerMillion.toString(),
    validFromMs: price.validFromMs,
    // Absent where there is none, so that prices from before it hash as they did.
    ...(price.requestNanos !== undefined && { requestNanos: price.requestNanos.toString() }),
    ...(price.meters !== undefined && { meters: meterPricesJson(price.meters) }),
  });
  return createHash('sha256').update(text).digest('hex');
}
