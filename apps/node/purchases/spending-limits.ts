import { formatNanos } from '#kernel';
import { isLoss, spentNanos } from './purchase.js';
import type { Purchase } from './purchase.js';

/** What the operator of a machine lets it spend, in nano-dollars. */
export interface SpendingLimits {
  readonly requestNanos: bigint;
  readonly dayNanos: bigint;
  readonly hostDayNanos: bigint;
}

/** How long nothing is bought from a seller that took money and gave nothing, or whose receipt was not true. */
export const setAsideMs = 3_600_000;

/** Payments without an answer that may be open at one seller: a fault or two cost little, a thief gets so many. */
export const unansweredMax = 3;

const dayMs = 86_400_000;
const dayOf = (atMs: number): number => Math.floor(atMs / dayMs);

/** What speaks against spending `nanos` more at a host now; null: nothing. Days are UTC's. */
export function againstSpending(purchases: Iterable<Purchase>, limits: SpendingLimits, host: string, nanos: bigint, nowMs: number): string | null {
  let [today, todayHere, unanswered] = [0n, 0n, 0];
  for (const bought of purchases) {
    const isHere = bought.host === host;
    if (isHere && bought.state === 'signed' && bought.ended === 'failed') unanswered += 1;
    const at = bought.decidedAtMs ?? 0;
    if (isHere && at > nowMs - setAsideMs && (isLoss(bought) || bought.lie !== null)) return `${host} is set aside until ${new Date(at + setAsideMs).toISOString()}: ${bought.lie ?? 'it took a payment and gave no answer'}`;
    if (dayOf(bought.atMs) !== dayOf(nowMs)) continue;
    today += spentNanos(bought);
    if (isHere) todayHere += spentNanos(bought);
  }
  if (unanswered >= unansweredMax) return `${unanswered} payments to ${host} brought no answer and may still be taken: nothing more is bought there until one is decided`;
  const above = (spent: bigint, limit: bigint, whose: string): string | null => (spent + nanos > limit ? `$${formatNanos(nanos)} more would be above the $${formatNanos(limit)} that may be spent ${whose}; $${formatNanos(spent)} are` : null);
  return above(todayHere, limits.hostDayNanos, `at ${host} a day`) ?? above(today, limits.dayNanos, 'a day');
}
