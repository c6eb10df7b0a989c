/** One machine to choose from. */
export interface Loaded {
  /** 0 = not known yet. */
  readonly latencyMs: number;
  readonly inFlight: number;
}

/**
 * Power of two choices: of two machines at random, the one with the smaller latency × (in flight + 1). Always taking the best one would
 * send every gateway's work to the same machine at the same moment. A machine of unknown latency counts as the fastest known, so that it
 * is tried and not flooded.
 */
export function leastLoaded<T extends Loaded>(all: readonly T[], random: () => number): T | undefined {
  if (all.length <= 1) return all[0];
  const first = Math.floor(random() * all.length);
  const second = (first + 1 + Math.floor(random() * (all.length - 1))) % all.length;
  const fastestMs = all.reduce((least, { latencyMs }) => (latencyMs > 0 && latencyMs < least ? latencyMs : least), Infinity);
  const score = ({ latencyMs, inFlight }: Loaded): number => (latencyMs > 0 ? latencyMs : Number.isFinite(fastestMs) ? fastestMs : 1) * (inFlight + 1);
  const [a, b] = [all[first]!, all[second]!];
  return score(b) < score(a) ? b : a;
}
