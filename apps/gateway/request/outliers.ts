/** How a machine did in the last interval. */
export interface Outcomes {
  readonly offer: string;
  readonly ok: number;
  readonly failed: number;
}

/** Fewer machines have no norm to deviate from, fewer requests no rate worth judging. */
const machinesMin = 5;
const requestsMin = 100;
/** 1.9 standard deviations: of a normal spread 3 % lie below. */
const deviations = 1.9;
const ejectedShareMax = 0.1;

/**
 * The machines of one model whose success rate lies far below that of the others: at most a tenth of them, at least one, worst first.
 * A failing machine may answer faster than any: by latency alone it would be preferred.
 */
export function outliers(all: readonly Outcomes[]): string[] {
  const judged = all.filter(({ ok, failed }) => ok + failed >= requestsMin).map(({ offer, ok, failed }) => ({ offer, rate: ok / (ok + failed) }));
  if (judged.length < machinesMin) return [];
  const mean = judged.reduce((sum, { rate }) => sum + rate, 0) / judged.length;
  const deviation = Math.sqrt(judged.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / judged.length);
  return judged
    .filter(({ rate }) => rate < mean - deviations * deviation)
    .sort((a, b) => a.rate - b.rate)
    .slice(0, Math.max(1, Math.floor(all.length * ejectedShareMax)))
    .map(({ offer }) => offer);
}
