/** How long requests spent in each of the gateway's steps, from its own histograms. */
export interface StepTimes {
  readonly sums: ReadonlyMap<string, number>;
  readonly counts: ReadonlyMap<string, number>;
}

const line = /^mizan_gateway_step_seconds_(sum|count)\{step="([^"]+)"\} (\S+)$/gm;

export async function readSteps(operationsUrl: string): Promise<StepTimes> {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  const sums = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const [, kind, step, value] of text.matchAll(line)) (kind === 'sum' ? sums : counts).set(step!, Number(value));
  return { sums, counts };
}

/** Mean microseconds of each step between two readings. */
export function stepMicros(before: StepTimes, after: StepTimes): Record<string, number> {
  const means = [...after.sums].map(([step, sum]) => {
    const count = (after.counts.get(step) ?? 0) - (before.counts.get(step) ?? 0);
    return [step, count === 0 ? 0 : ((sum - (before.sums.get(step) ?? 0)) / count) * 1e6] as const;
  });
  return Object.fromEntries(means.filter(([, mean]) => mean > 0).map(([step, mean]) => [step, Math.round(mean)]));
}
