import { networkTarget, nodeTarget } from '#protocol';
import type { HoldbackRule } from '#protocol';

/** The rule that holds for a machine; `network` undefined = it is not known, and the largest share of any network is taken. */
export function ruleFor(rules: readonly HoldbackRule[], node: string, network: string | undefined): HoldbackRule | undefined {
  const of = (target: string): HoldbackRule | undefined => rules.find((rule) => rule.target === target);
  const own = of(nodeTarget(node));
  if (own) return own;
  const all = of('all');
  if (network !== undefined) return of(networkTarget(network)) ?? all;
  return [...rules.filter(({ target }) => target === 'all' || target.startsWith(networkTarget('')))].sort((a, b) => b.basisPoints - a.basisPoints)[0];
}

/** Whole nanos, rounded down: what is kept back is never more than the share. */
export const heldOf = (earnedNanos: bigint, { basisPoints }: Pick<HoldbackRule, 'basisPoints'>): bigint => (earnedNanos * BigInt(basisPoints)) / 10_000n;
