/** One line of the table. */
export interface Measured {
  readonly measure: string;
  readonly goal: string;
  readonly value: string;
  readonly met: boolean;
  /** What was run, where it is less than the whole. */
  readonly note: string;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** The value that the share `at` of all values does not exceed. */
export function percentile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN;
}

/** Runs `work`, which says how much it did, until `ms` are over; answers how much was done each second. */
export async function perSecond(ms: number, work: () => Promise<number>): Promise<number> {
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < ms) done += await work();
  return (done * 1_000) / (performance.now() - started);
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

export const asTable = (rows: readonly Measured[]): string =>
  ['| measure | goal | measured | met | how |', '|---|---|---|---|---|', ...rows.map(({ measure, goal, value, met, note }) => `| ${measure} | ${goal} | ${value} | ${met ? 'yes' : '**no**'} | ${note} |`)].join('\n');
