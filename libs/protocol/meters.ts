import { z } from 'zod';
import { machineMeters, measuredMeters, nanosMax } from '#kernel';
import type { MeasuredMeter, MeterNanos } from '#kernel';
import { nanos } from './scalars.js';

const shapeOf = <S extends z.ZodType>(value: S): Record<MeasuredMeter, z.ZodOptional<S>> => Object.fromEntries(measuredMeters.map((meter) => [meter, value.optional()])) as Record<MeasuredMeter, z.ZodOptional<S>>;

/** What was used beside tokens of text, by meter. A meter that is not known is refused: it would be signed, and not be charged. */
export const meterQuantities = z.strictObject(shapeOf(z.int().nonnegative()));

/** What they cost in nanos: an image, a second of audio, a GPU second, a frame, an OBh, a million cached tokens. */
export const meterPrices = z.strictObject(shapeOf(nanos.refine((value) => value >= 0n && value <= nanosMax, 'between 0 and 2^63 − 1')));

const byMachines = Object.fromEntries(machineMeters.map((meter) => [meter, true])) as Record<(typeof machineMeters)[number], true>;

/** What machines say that they used, and what they may ask a price for. */
export const machineQuantities = meterQuantities.pick(byMachines);
export const machinePrices = meterPrices.pick(byMachines);

/** Amounts as text, as they stand in the log, in hashes and in the database. */
export const meterPricesJson = (prices: MeterNanos): Partial<Record<MeasuredMeter, string>> => Object.fromEntries(measuredMeters.flatMap((meter) => (prices[meter] === undefined ? [] : [[meter, prices[meter].toString()]])));
