import { z } from 'zod';
import { evmAddress, label, timeMs, tokenUnits } from './scalars.js';

/** Who said what a token is worth. */
export const rateSource = z.discriminatedUnion('kind', [
  /** The operator: dollars for one whole token, why, and on which day that was settled; null: the token counts as a dollar because nobody said otherwise. */
  z.object({ kind: z.literal('fixed'), usdPerToken: z.string(), reason: label, date: z.iso.date().nullable() }),
  /** A price feed on the same chain, as it stood at a final block. `answer` has `decimals` places. */
  z.object({
    kind: z.literal('oracle'),
    feed: evmAddress,
    description: z.string(),
    round: z.string().regex(/^\d{1,39}$/),
    answer: z.string().regex(/^\d{1,39}$/),
    decimals: z.int().min(0).max(36),
    updatedAtMs: timeMs,
    block: z.int().nonnegative(),
  }),
]);
export type RateSource = z.output<typeof rateSource>;

/** What a token is worth that nobody has said anything of. */
export const atPar: RateSource = { kind: 'fixed', usdPerToken: '1', reason: 'a dollar token at par', date: null };

/** `nanos` nano-dollars are `units` units of the escrow: integers without a common divisor. */
export const conversionRate = z.object({ nanos: tokenUnits, units: tokenUnits, source: rateSource, readAtMs: timeMs });
export type ConversionRate = z.output<typeof conversionRate>;
export type Ratio = Pick<ConversionRate, 'nanos' | 'units'>;

/** Whole units that so many nano-dollars buy; what is left stays owed. None for a negative amount. */
export const unitsFor = (amountNanos: bigint, { nanos, units }: Ratio): bigint => (amountNanos > 0n ? (amountNanos * units) / nanos : 0n);

/**
 * What of a debt so many units pay, in nano-dollars: a nano that is begun counts as paid, so that no more is ever signed than is owed. Never above
 * the amount that {@link unitsFor} made the units of.
 */
export const nanosFor = (tokens: bigint, { nanos, units }: Ratio): bigint => (tokens * nanos + units - 1n) / units;

/** What units are worth at least, in nano-dollars. */
export const worthOf = (tokens: bigint, { nanos, units }: Ratio): bigint => (tokens * nanos) / units;

const divisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : divisor(b, a % b));

/** In lowest terms. Both must be positive. */
export function ratio(nanos: bigint, units: bigint): Ratio {
  const common = divisor(nanos, units);
  return { nanos: nanos / common, units: units / common };
}
