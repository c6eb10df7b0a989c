import type { HeldBack, payoutRuleCalls, ReplyOf } from '#protocol';

/** Payees of one answer: some hundred bytes each, and a message holds 1 MB. */
export const heldBackMax = 500;

type Owed = Pick<HeldBack, 'owedNanos'>;

/** Those who are owed most first. */
export const byOwed = (a: Owed, b: Owed): number => (a.owedNanos === b.owedNanos ? 0 : a.owedNanos > b.owedNanos ? -1 : 1);

/** Those who are owed most first, and how many more there are. */
export function mostHeldBack(all: readonly HeldBack[], max = heldBackMax): ReplyOf<typeof payoutRuleCalls.heldBack> {
  const sorted = [...all].sort(byOwed);
  return { data: sorted.slice(0, max), more: Math.max(0, all.length - max) };
}
