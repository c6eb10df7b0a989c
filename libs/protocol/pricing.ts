import { createHash } from 'node:crypto';
import { canonicalJson, checkedNanos, priceOf } from '#kernel';
import type { Nanos } from '#kernel';
import type { Usage } from './vocabulary.js';

/** What a price version says, in nanos per 10⁶ tokens. */
export interface TokenPrices {
  readonly inputNanosPerMillion: Nanos;
  readonly outputNanosPerMillion: Nanos;
}

const perMillion = 1_000_000n;

/**
 * The charge of one job, in nanos: each line (input, output) is rounded half up, then summed. The meter and the books both
 * use this function. Error: AMOUNT_OVERFLOW.
 */
export function chargeOf(usage: Usage, prices: TokenPrices): Nanos {
  return checkedNanos(priceOf(BigInt(usage.inputTokens), prices.inputNanosPerMillion, perMillion) + priceOf(BigInt(usage.outputTokens), prices.outputNanosPerMillion, perMillion));
}

/** SHA-256, hex, over the canonical JSON of what a price version says: names it in decision records. */
export function priceHash(price: TokenPrices & { offer: string; currency: string; validFromMs: number }): string {
  const text = canonicalJson({
    offer: price.offer,
    currency: price.currency,
    inputNanosPerMillion: price.inputNanosPerMillion.toString(),
    outputNanosPerMillion: price.outputNanosPerMillion.toString(),
    validFromMs: price.validFromMs,
  });
  return createHash('sha256').update(text).digest('hex');
}
