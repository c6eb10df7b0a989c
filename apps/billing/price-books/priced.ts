import { measuredMeters, nanosMax } from '#kernel';
import type { MeterNanos, MeterPrices, Nanos } from '#kernel';
import type { PriceBook, PricedBy, PriceRule } from '#protocol';

const whole = 10_000n;

/** The narrowest rule: of network and model, of the model, of the network, of everything. `network` undefined = it is not known. */
export function ruleOf(rules: readonly PriceRule[], model: string, network: string | undefined): PriceRule | undefined {
  const of = (n: string | null, m: string | null): PriceRule | undefined => rules.find((rule) => rule.network === n && rule.model === m);
  return (network === undefined ? undefined : of(network, model)) ?? of(null, model) ?? (network === undefined ? undefined : of(network, null)) ?? of(null, null);
}

/** What organisations pay where a machine asks `ask`, and how that is made. A price that no book can hold is the largest that one can. */
export function priced(ask: MeterPrices, book: Pick<PriceBook, 'id' | 'rules'>, model: string, network: string | undefined): { price: MeterPrices; by: PricedBy } {
  const { networkFeeBasisPoints = 0, markupBasisPoints = 0, requestNanos, cacheHitNanos } = ruleOf(book.rules, model, network) ?? {};
  const fee = requestNanos === undefined ? {} : { requestNanos };
  const factor = whole + BigInt(networkFeeBasisPoints) + BigInt(markupBasisPoints);
  const raised = (nanos: Nanos): Nanos => {
    const sum = (nanos * factor + whole / 2n) / whole;
    return sum > nanosMax ? nanosMax : sum;
  };
  const { inputNanosPerMillion: input, outputNanosPerMillion: output, meters } = ask;
  const sold = { ...(meters && eachMeter(meters, raised)), ...(cacheHitNanos !== undefined && { cache_hits: cacheHitNanos }) };
  return {
    price: { inputNanosPerMillion: raised(input), outputNanosPerMillion: raised(output), ...(Object.keys(sold).length > 0 && { meters: sold }), ...fee },
    by: { book: book.id, network: network ?? null, askInputNanosPerMillion: input, askOutputNanosPerMillion: output, ...(meters && { askMeters: meters }), networkFeeBasisPoints, markupBasisPoints, ...fee },
  };
}

const eachMeter = (meters: MeterNanos, change: (nanos: Nanos) => Nanos): MeterNanos => Object.fromEntries(measuredMeters.flatMap((meter) => (meters[meter] === undefined ? [] : [[meter, change(meters[meter])]])));
