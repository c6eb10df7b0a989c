import { measuredMeters, meterPer } from '#kernel';
import type { MeasuredMeter, Meter } from '#kernel';

/** What charges of one price come to by one meter. */
export interface MeteredSum {
  readonly meter: Meter;
  readonly quantity: bigint;
  readonly priceNanos: bigint;
  readonly amountNanos: bigint;
}

/** One meter in SQL over `billing.charges c` and its `billing.prices p`: what a charge has of it, and its price. Both may be NULL. */
interface MeterSql {
  readonly meter: Meter;
  readonly quantity: string;
  readonly price: string;
  /** Which charges can have any. */
  readonly where: string;
}

const produced = `c.outcome <> 'failed'`;
const measured = (meter: MeasuredMeter): string => `(c.meters ->> '${meter}')::numeric`;
const cached = `CASE WHEN c.meters ? 'cached_tokens' AND p.meters ? 'cached_tokens' THEN LEAST(${measured('cached_tokens')}, c.input_tokens) ELSE 0 END`;

const meters: readonly MeterSql[] = [
  { meter: 'input_tokens', quantity: `(c.input_tokens - ${cached})`, price: 'p.input_nanos_per_million', where: produced },
  { meter: 'output_tokens', quantity: 'c.output_tokens', price: 'p.output_nanos_per_million', where: produced },
  ...measuredMeters.map((meter): MeterSql => ({ meter, quantity: meter === 'cached_tokens' ? `(${cached})` : measured(meter), price: `(p.meters ->> '${meter}')::numeric`, where: `${produced} AND c.meters IS NOT NULL AND p.meters ? '${meter}'` })),
  { meter: 'requests', quantity: '1', price: 'p.request_nanos', where: `${produced} AND c.usage_source <> 'none' AND p.request_nanos IS NOT NULL` },
];

/** Each request's own line, rounded as its charge was. */
function columnsOf({ meter, quantity, price, where }: MeterSql): string {
  const per = meterPer(meter);
  const half = meter === 'cached_tokens' ? 0n : per / 2n;
  return `COALESCE(sum(${quantity}) FILTER (WHERE ${where}), 0) AS ${meter}, COALESCE(sum(div(${quantity}::numeric * COALESCE(${price}, 0) + ${half}, ${per})) FILTER (WHERE ${where}), 0) AS ${meter}_nanos`;
}

/** Columns of a group of charges that have their price in common; beside `meteredPrices` and `sum(c.amount_nanos) AS amount_nanos`. Failed charges cost nothing, and are no usage to pay for. */
export const meteredSums = meters.map(columnsOf).join(', ');

const cachedWithoutPrice = `LEAST(${measured('cached_tokens')}, c.input_tokens)`;
const inputLine = (quantity: string): string => `div((${quantity})::numeric * COALESCE(p.input_nanos_per_million, 0) + 500000, 1000000)`;
const whereWithoutPrice = `${produced} AND c.meters ? 'cached_tokens' AND (p.meters ? 'cached_tokens') IS NOT TRUE`;

/** Cached tokens that have no price of their own, and what of the input's line is theirs. */
export const cachedAsInput = `COALESCE(sum(${cachedWithoutPrice}) FILTER (WHERE ${whereWithoutPrice}), 0) AS cached_as_input,
  COALESCE(sum(${inputLine('c.input_tokens')} - ${inputLine(`c.input_tokens - ${cachedWithoutPrice}`)}) FILTER (WHERE ${whereWithoutPrice}), 0) AS cached_as_input_nanos`;

/** What such a group has in common. */
export const meteredPrices = `p.input_nanos_per_million AS input_price, p.output_nanos_per_million AS output_price, p.request_nanos AS request_price, p.meters AS meter_prices`;

/** As many columns of a group that is no usage, with nothing in them. */
export const noSums = meters.map(() => '0, 0').join(', ');
export const noPrices = 'NULL, NULL, NULL, NULL';

export type MeteredRow = Readonly<Record<Meter | `${Meter}_nanos` | 'amount_nanos', string> & Record<'input_price' | 'output_price' | 'request_price', string | null>> & { readonly meter_prices: Partial<Record<MeasuredMeter, string>> | null };

/** A group's lines, and what its charges differ by from them. */
export function meteredLines(row: MeteredRow): { lines: MeteredSum[]; differenceNanos: bigint } {
  const prices: Partial<Record<Meter, string | null>> = { ...row.meter_prices, input_tokens: row.input_price, output_tokens: row.output_price, requests: row.request_price };
  const lines = meters.map(({ meter }) => ({ meter, quantity: BigInt(row[meter]), priceNanos: BigInt(prices[meter] ?? 0), amountNanos: BigInt(row[`${meter}_nanos`]) })).filter(({ quantity, amountNanos }) => quantity > 0n || amountNanos !== 0n);
  return { lines, differenceNanos: lines.reduce((rest, { amountNanos }) => rest - amountNanos, BigInt(row.amount_nanos)) };
}
