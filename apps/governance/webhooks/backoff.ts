const [second, minute, hour] = [1_000, 60_000, 3_600_000];

/** Waits between attempts at one delivery: the eighth is made about 17 hours after the first. */
export const attemptWaitsMs = [5 * second, 30 * second, 2 * minute, 10 * minute, hour, 4 * hour, 12 * hour];
/** Deliveries given up one after the other at which an endpoint is given up: about four days. */
export const deadInARowMax = 5;

/** The first is known to nobody who waits; each is up to a fifth longer, so that many do not come back together. Null: given up. */
export function nextWaitMs(attempts: number, random: number): number | null {
  const wait = attemptWaitsMs[attempts - 1];
  return wait === undefined ? null : Math.round(wait * (1 + random / 5));
}
