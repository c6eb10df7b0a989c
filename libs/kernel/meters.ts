import { checkedNanos, priceOf } from './money.js';
import type { Nanos } from './money.js';

/**
 * What machines measure beside the tokens of text, as an integer in the unit that the name ends in. `cached_tokens` are a part of the input; `obh_milli` are thousandths of
 * an OctaneBench hour.
 */
export const machineMeters = ['cached_tokens', 'images', 'audio_ms', 'gpu_ms', 'frames', 'obh_milli'] as const;
export type MachineMeter = (typeof machineMeters)[number];

/** With `cache_hits`, what no machine did: answers that a gateway gave again. */
export const measuredMeters = [...machineMeters, 'cache_hits'] as const;
export type MeasuredMeter = (typeof measuredMeters)[number];

/** All that a price can be for. */
export const meterNames = ['input_tokens', 'output_tokens', ...measuredMeters, 'requests'] as const;
export type Meter = (typeof meterNames)[number];

/** A price is for 10ᵖˡᵃᶜᵉˢ of what is counted: of milliseconds for a second, of tokens for a million. */
interface MeterUnit {
  readonly places: 0 | 3 | 6;
  /** What it is called; what is counted; what has the price. */
  readonly title: string;
  readonly counted: string;
  readonly priced: string;
}

const tokens = (title: string): MeterUnit => ({ places: 6, title, counted: 'tokens', priced: 'million tokens' });

export const meterUnits: Readonly<Record<Meter, MeterUnit>> = {
  input_tokens: tokens('input tokens'),
  output_tokens: tokens('output tokens'),
  cached_tokens: tokens('cached input tokens'),
  images: { places: 0, title: 'images', counted: 'images', priced: 'image' },
  audio_ms: { places: 3, title: 'audio', counted: 'milliseconds', priced: 'second' },
  gpu_ms: { places: 3, title: 'GPU time', counted: 'milliseconds', priced: 'GPU second' },
  frames: { places: 0, title: 'frames', counted: 'frames', priced: 'frame' },
  obh_milli: { places: 3, title: 'OctaneBench hours', counted: 'thousandths of an OBh', priced: 'OBh' },
  cache_hits: { places: 0, title: 'answers given again', counted: 'answers given again', priced: 'answer given again' },
  requests: { places: 0, title: 'requests', counted: 'requests', priced: 'request' },
};

/** How much of what is counted has the price. */
export const meterPer = (meter: Meter): bigint => 10n ** BigInt(meterUnits[meter].places);

export type MeterQuantities = { readonly [M in MeasuredMeter]?: number | undefined };
export type MeterNanos = { readonly [M in MeasuredMeter]?: Nanos | undefined };

/** What a request used. */
export interface Measured {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly meters?: MeterQuantities | undefined;
}

/** What a price version says, in nanos: for a million tokens, for what else it names, and for each request that produced anything. */
export interface MeterPrices {
  readonly inputNanosPerMillion: Nanos;
  readonly outputNanosPerMillion: Nanos;
  readonly requestNanos?: Nanos | undefined;
  readonly meters?: MeterNanos | undefined;
}

/** `amount = quantity × price ÷ per`, rounded half up; of cached tokens rounded down. */
export interface MeterLine {
  readonly meter: Meter;
  readonly quantity: number;
  readonly priceNanos: Nanos;
  readonly amountNanos: Nanos;
}

/**
 * The lines of a charge, whose exact sum it is. A meter that the price does not name costs nothing; cached tokens cost as input then. Cached tokens are rounded down, so
 * that a part of the input that was cached never makes it dearer than all of it: a charge grows with every quantity, and a bound without cached tokens is above it.
 * Error: AMOUNT_OVERFLOW.
 */
export function meterLines({ inputTokens, outputTokens, meters: used = {} }: Measured, prices: MeterPrices): MeterLine[] {
  const { meters: named = {} } = prices;
  const cached = named.cached_tokens === undefined ? 0 : Math.min(used.cached_tokens ?? 0, inputTokens);
  const lines = [line('input_tokens', inputTokens - cached, prices.inputNanosPerMillion), line('output_tokens', outputTokens, prices.outputNanosPerMillion)];
  for (const meter of measuredMeters) {
    const priceNanos = named[meter];
    if (priceNanos !== undefined) lines.push(line(meter, meter === 'cached_tokens' ? cached : (used[meter] ?? 0), priceNanos));
  }
  if (prices.requestNanos !== undefined) lines.push(line('requests', 1, prices.requestNanos));
  return lines;
}

function line(meter: Meter, quantity: number, priceNanos: Nanos): MeterLine {
  const per = meterPer(meter);
  return { meter, quantity, priceNanos, amountNanos: meter === 'cached_tokens' ? checkedNanos((BigInt(quantity) * priceNanos) / per) : priceOf(BigInt(quantity), priceNanos, per) };
}

/** Error: AMOUNT_OVERFLOW. */
export const sumOf = (lines: readonly MeterLine[]): Nanos => checkedNanos(lines.reduce((sum, { amountNanos }) => sum + amountNanos, 0n));
