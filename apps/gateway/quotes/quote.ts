import { checkedNanos, formatNanos, isDomainError, priceOf } from '#kernel';
import type { Quote, QuotedOffer, QuoteRequest } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';

type QuoteLine = QuotedOffer['lines'][number];

const per = 1_000_000;

/**
 * What requests cost at most on each of the offers, as they would be charged: each request's input and output rounded by itself. `undefined`
 * where no offer's total is within what a book can hold.
 */
export function quoteOf(request: QuoteRequest, offers: readonly MarketOffer[], nowMs: number): Quote | undefined {
  const quoted = offers.flatMap((offer) => quotedOffer(request, offer) ?? []).sort((a, b) => (a.totalNanos === b.totalNanos ? (a.offer < b.offer ? -1 : 1) : a.totalNanos < b.totalNanos ? -1 : 1));
  if (quoted.length === 0) return undefined;
  return { quotedAtMs: nowMs, currency: 'USD', upperBoundNanos: quoted.at(-1)!.totalNanos, lowestNanos: quoted[0]!.totalNanos, offers: quoted };
}

function quotedOffer(request: QuoteRequest, { id, entry, price }: MarketOffer): QuotedOffer | undefined {
  try {
    const lines = [
      line('input_tokens', request.inputTokens, price.inputNanosPerMillion, request.requests),
      line('output_tokens', request.outputTokens, price.outputNanosPerMillion, request.requests),
    ].filter(({ quantity }) => quantity > 0);
    return {
      ...{ offer: id, node: entry.node, name: entry.nodeName, region: entry.region, jurisdiction: entry.jurisdiction, model: entry.model, up: entry.state === 'up' },
      ...{ priceVersion: price.version, priceHash: price.hash, priceSinceMs: price.validFromMs, lines },
      totalNanos: checkedNanos(lines.reduce((sum, { amountNanos }) => sum + amountNanos, 0n)),
    };
  } catch (error) {
    // A price whose product no book can hold is not reserved either: such an offer is passed over.
    if (isDomainError(error, 'AMOUNT_OVERFLOW')) return undefined;
    throw error;
  }
}

function line(meter: QuoteLine['meter'], quantity: number, priceNanos: bigint, requests: number): QuoteLine {
  const amountNanos = checkedNanos(BigInt(requests) * priceOf(BigInt(quantity), priceNanos, BigInt(per)));
  const each = `${quantity} ${meter === 'input_tokens' ? 'input' : 'output'} tokens at ${formatNanos(priceNanos)} USD a million`;
  return { meter, quantity, per, priceNanos, requests, amountNanos, explanation: `${requests === 1 ? each : `${requests} requests, each ${each}`}: ${formatNanos(amountNanos)} USD` };
}
