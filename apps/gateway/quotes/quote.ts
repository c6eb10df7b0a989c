import { checkedNanos, formatNanos, isDomainError, meterLines, meterPer, meterUnits, priceOf, sumOf } from '#kernel';
import type { Meter, MeterLine } from '#kernel';
import { askOf, discountOf, failure } from '#protocol';
import type { DiscountAhead, Quote, QuotedOffer, QuoteRequest } from '#protocol';
import type { MarketOffer } from '../market/market-offer.js';
import { meterOf } from './endpoint-meter.js';

type QuoteLine = QuotedOffer['lines'][number];

/**
 * What requests cost at most on each of the offers, as they would be charged: each request's lines rounded by themselves. `undefined` where no offer's total is within
 * what a book can hold. `ahead`: what the organisation's agreement takes off. Error: REQUEST_INVALID (an offer has a price for what the request does not say how much it is of).
 */
export function quoteOf(request: QuoteRequest, offers: readonly MarketOffer[], nowMs: number, ahead?: DiscountAhead): Quote | undefined {
  const quoted = offers.flatMap((offer) => quotedOffer(request, offer, ahead) ?? []).sort((a, b) => (a.totalNanos === b.totalNanos ? (a.offer < b.offer ? -1 : 1) : a.totalNanos < b.totalNanos ? -1 : 1));
  if (quoted.length === 0) return undefined;
  return { quotedAtMs: nowMs, currency: 'USD', upperBoundNanos: quoted.at(-1)!.totalNanos, lowestNanos: quoted[0]!.totalNanos, ...agreementOf(ahead), offers: quoted };
}

function quotedOffer(request: QuoteRequest, { id, entry, price }: MarketOffer, ahead: DiscountAhead | undefined): QuotedOffer | undefined {
  mustSay(request, price.meters);
  try {
    const asked = new Map(meterLines(request, askOf(price)).map((line) => [line.meter, line.amountNanos]));
    const lines = meterLines(request, price)
      .filter(({ quantity }) => quantity > 0)
      .map((line) => lineOf(line, request.requests, price.book && { askedNanos: asked.get(line.meter) ?? 0n, ...price.book }));
    const totalNanos = checkedNanos(BigInt(request.requests) * sumOf(meterLines(request, price)));
    return {
      ...{ offer: id, node: entry.node, name: entry.nodeName, region: entry.region, jurisdiction: entry.jurisdiction, model: entry.model, up: entry.state === 'up' },
      ...{ priceVersion: price.version, priceHash: price.hash, priceSinceMs: price.validFromMs, ...(price.book && { priceBook: price.book.book }), lines, totalNanos },
      ...(price.meters?.cache_hits !== undefined && { cacheHitNanos: price.meters.cache_hits }),
      ...(hasDiscounts(ahead) && { discountNanos: offOf(ahead, totalNanos) }),
    };
  } catch (error) {
    // A price whose product no book can hold is not reserved either: such an offer is passed over.
    if (isDomainError(error, 'AMOUNT_OVERFLOW')) return undefined;
    throw error;
  }
}

/** A bound that leaves out what has a price is none. Error: REQUEST_INVALID. */
function mustSay({ endpoint, model, meters }: QuoteRequest, prices: MarketOffer['price']['meters']): void {
  const meter = meterOf(endpoint);
  if (meter === undefined || prices?.[meter] === undefined || meters?.[meter as keyof typeof meters] !== undefined) return;
  throw failure('REQUEST_INVALID', `"${model}" has a price for ${meterUnits[meter].title}: say in meters.${meter} how many ${meterUnits[meter].counted} a request is at most`, { param: `meters.${meter}` });
}

const hasDiscounts = (ahead: DiscountAhead | undefined): ahead is DiscountAhead & { agreement: string } => ahead !== undefined && ahead.agreement !== null && ahead.tiers.length > 0;

/** Off of what comes after what was used in the month. */
const offOf = ({ tiers, usedNanos }: DiscountAhead, nanos: bigint): bigint => discountOf(tiers, usedNanos + nanos) - discountOf(tiers, usedNanos);

function agreementOf(ahead: DiscountAhead | undefined): Pick<Quote, 'agreement'> {
  if (!hasDiscounts(ahead)) return {};
  const tiers = ahead.tiers.map(({ aboveNanos, basisPoints }) => `${basisPoints / 100} % above ${formatNanos(aboveNanos)} USD`).join(', ');
  return { agreement: { id: ahead.agreement, usedNanos: ahead.usedNanos, explanation: `off a month's usage: ${tiers}; ${formatNanos(ahead.usedNanos)} USD used this month. Taken off on the invoice: until then the whole amount is reserved and counts to budgets` } };
}

/** What a price is made of. */
type Made = { readonly askedNanos: bigint; readonly networkFeeBasisPoints: number; readonly markupBasisPoints: number };

function lineOf({ meter, quantity, priceNanos, amountNanos: each }: MeterLine, requests: number, made?: Made): QuoteLine {
  const amountNanos = checkedNanos(BigInt(requests) * each);
  const common = { meter, quantity, per: Number(meterPer(meter)), priceNanos, requests, amountNanos };
  // The deployment's own.
  if (meter === 'requests') return { ...common, parts: [{ of: 'markup', amountNanos }], explanation: `${requests === 1 ? 'a request' : `${requests} requests`} at ${formatNanos(priceNanos)} USD each: ${formatNanos(amountNanos)} USD` };
  const explained = `${requests === 1 ? '' : `${requests} requests, each `}${inWords(meter, quantity)} at ${formatNanos(priceNanos)} USD ${meterUnits[meter].places === 6 ? 'a million' : `for each ${meterUnits[meter].priced}`}: ${formatNanos(amountNanos)} USD`;
  if (!made || made.networkFeeBasisPoints + made.markupBasisPoints === 0) return { ...common, explanation: explained };
  const parts = partsOf(amountNanos, BigInt(requests) * made.askedNanos, made);
  const [machine, fee, markup] = parts.map((part) => formatNanos(part.amountNanos));
  return { ...common, parts, explanation: `${explained}, of it ${machine} to the machine, ${fee} network fee (${made.networkFeeBasisPoints / 100} %), ${markup} markup (${made.markupBasisPoints / 100} %)` };
}

const inWords = (meter: Meter, quantity: number): string => (meterUnits[meter].title.endsWith(meterUnits[meter].counted) ? `${quantity} ${meterUnits[meter].title}` : `${quantity} ${meterUnits[meter].counted} of ${meterUnits[meter].title}`);

/** The machine's first, as it is booked; the fee's share of the rest rounded half up. */
function partsOf(amountNanos: bigint, askedNanos: bigint, { networkFeeBasisPoints, markupBasisPoints }: Made): NonNullable<QuoteLine['parts']> {
  const machine = askedNanos < amountNanos ? askedNanos : amountNanos;
  const fee = priceOf(amountNanos - machine, BigInt(networkFeeBasisPoints), BigInt(networkFeeBasisPoints + markupBasisPoints));
  return [
    { of: 'machine', amountNanos: machine },
    { of: 'network_fee', amountNanos: fee },
    { of: 'markup', amountNanos: amountNanos - machine - fee },
  ];
}
