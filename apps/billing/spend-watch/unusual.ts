import type { UnusualSpend } from '#protocol';

/** The same hour of the days before, or the days before. */
const daysBack = 28;
/** The same hour or day of the weeks before. */
const weeksBack = 8;
/** With fewer, nothing is said: a week of days, a month of weeks. */
const daysMin = 7;
const weeksMin = 4;
/** Distances from the median, in spreads, from which on spend is unusual. */
const spreadsMin = 6n;
/** 1.4826 × the median distance from the median is the standard deviation of a normal series; in ten-thousandths. */
const madScale = 14_826n;
/** A spread is at least a tenth of the median: a series that never moves has none of its own. */
const relativeSpread = 1_000n;
const tenThousand = 10_000n;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Sums of an organisation or project by the hour that they begin with; hours without usage are left out. */
export type HourlySpend = ReadonlyMap<number, bigint>;

/** How far back spend is read: the weeks, and the day before the one that runs. */
export const lookBackMs = (weeksBack * 7 + 1) * dayMs;

export type Finding = Pick<UnusualSpend, 'window' | 'fromMs' | 'direction' | 'spentNanos' | 'usualNanos' | 'spreadNanos' | 'samples'>;

/** Of an even number the mean of the middle two, rounded down. */
export function median(values: readonly bigint[]): bigint {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2n;
}

/**
 * What is unusual at a moment. Above: the hour and the day that run and those before them, against the same hour of other days and of other weeks, or
 * against other days and the same day of other weeks; it has to be far from each of them that is long enough, so that what comes every Monday is
 * usual. Below: the day that is over, against the same day of other weeks alone. Time before the first usage is no past.
 */
export function unusual(spend: HourlySpend, nowMs: number, floorNanos: bigint): Finding[] {
  const sinceMs = Math.min(...spend.keys());
  const hour = nowMs - (nowMs % hourMs);
  const day = nowMs - (nowMs % dayMs);
  const judged = [
    judge(spend, 'hour', hour, ['above'], sinceMs, floorNanos),
    judge(spend, 'hour', hour - hourMs, ['above'], sinceMs, floorNanos),
    judge(spend, 'day', day, ['above'], sinceMs, floorNanos),
    // Usage of the last hour of a day may come a little after its end.
    judge(spend, 'day', day - dayMs, nowMs >= day + hourMs ? ['above', 'below'] : ['above'], sinceMs, floorNanos),
  ];
  return judged.flatMap((finding) => finding ?? []);
}

function judge(spend: HourlySpend, window: Finding['window'], fromMs: number, directions: readonly Finding['direction'][], sinceMs: number, floorNanos: bigint): Finding | undefined {
  const spentNanos = sumOf(spend, window, fromMs);
  const past = (stepMs: number, count: number): bigint[] =>
    Array.from({ length: count }, (_, index) => fromMs - (index + 1) * stepMs)
      .filter((startMs) => startMs >= sinceMs)
      .map((startMs) => sumOf(spend, window, startMs));
  const [days, weeks] = [past(dayMs, daysBack), past(7 * dayMs, weeksBack)];
  const pasts = [...(weeks.length >= weeksMin ? [weeks] : []), ...(days.length >= daysMin ? [days] : [])].map(describe);
  if (pasts.length === 0) return undefined;
  const far = pasts.filter(({ usualNanos, spreadNanos }) => isFar(spentNanos, usualNanos, spreadNanos, floorNanos));
  const told = pasts[0]!;
  const found = (direction: Finding['direction']): Finding => ({ window, fromMs, direction, spentNanos, ...told });
  if (far.length === pasts.length && pasts.every(({ usualNanos }) => spentNanos > usualNanos)) return directions.includes('above') ? found('above') : undefined;
  if (weeks.length >= weeksMin && far.includes(told) && spentNanos < told.usualNanos) return directions.includes('below') ? found('below') : undefined;
  return undefined;
}

function describe(values: readonly bigint[]): { usualNanos: bigint; spreadNanos: bigint; samples: number } {
  const usualNanos = median(values);
  return { usualNanos, spreadNanos: median(values.map((value) => distance(value, usualNanos))), samples: values.length };
}

function isFar(spentNanos: bigint, usualNanos: bigint, spreadNanos: bigint, floorNanos: bigint): boolean {
  const away = distance(spentNanos, usualNanos);
  const [own, relative] = [madScale * spreadNanos, relativeSpread * usualNanos];
  return away >= floorNanos && away * tenThousand > spreadsMin * (own > relative ? own : relative);
}

function sumOf(spend: HourlySpend, window: Finding['window'], fromMs: number): bigint {
  if (window === 'hour') return spend.get(fromMs) ?? 0n;
  let sum = 0n;
  for (let hour = 0; hour < 24; hour += 1) sum += spend.get(fromMs + hour * hourMs) ?? 0n;
  return sum;
}

const distance = (a: bigint, b: bigint): bigint => (a < b ? b - a : a - b);
