import { z } from 'zod';
import { nanos } from './scalars.js';

/** Hours, days, weeks (from Monday) and months of UTC; `total` has no end. */
export const spendPeriods = ['hour', 'day', 'week', 'month', 'total'] as const;
export const spendPeriod = z.enum(spendPeriods);
export type SpendPeriod = z.output<typeof spendPeriod>;

/** What may be spent in each period, or in all; 0 = nothing. */
export const spendLimit = z.object({ limitNanos: nanos.refine((value) => value >= 0n, 'must not be negative'), period: spendPeriod });
export type SpendLimit = z.output<typeof spendLimit>;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** 1970-01-05 was a Monday. */
const mondayMs = 4 * dayMs;
/** The last moment that a `Date` can name. */
const endOfTimeMs = 8_640_000_000_000_000;

/** The period that a moment lies in, in Unix milliseconds: from `fromMs`, before `toMs`. Begins with a full hour, always. */
export function spendPeriodAt(period: SpendPeriod, atMs: number): { fromMs: number; toMs: number } {
  const from = (stepMs: number, offsetMs = 0): { fromMs: number; toMs: number } => {
    const fromMs = Math.floor((atMs - offsetMs) / stepMs) * stepMs + offsetMs;
    return { fromMs, toMs: fromMs + stepMs };
  };
  switch (period) {
    case 'hour':
      return from(hourMs);
    case 'day':
      return from(dayMs);
    case 'week':
      return from(7 * dayMs, mondayMs);
    case 'month': {
      const at = new Date(atMs);
      return { fromMs: Date.UTC(at.getUTCFullYear(), at.getUTCMonth()), toMs: Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1) };
    }
    case 'total':
      return { fromMs: 0, toMs: endOfTimeMs };
  }
}
