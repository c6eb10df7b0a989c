/** Entries may come some time after what they tell of; a month is reported on when this has passed since its end. */
export const settleMs = 3_600_000;

/** First millisecond of a month of UTC, and of the next. */
export function monthBounds(month: string): { fromMs: number; untilMs: number } {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return { fromMs: Date.UTC(year, number - 1), untilMs: Date.UTC(year, number) };
}

/** The last month that can be reported on. */
export const lastMonth = (nowMs: number): string => {
  const at = new Date(nowMs - settleMs);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - 1)).toISOString().slice(0, 7);
};
