import { chargeOf } from '#protocol';
import type { CompletedFacts } from '#protocol';
import type { Dispatched } from './dispatch.js';

export type Metered = Pick<CompletedFacts, 'usage' | 'usageSource' | 'chargeNanos'>;

const nothing: Metered = { usage: { inputTokens: 0, outputTokens: 0 }, usageSource: 'none', chargeNanos: 0n };

/** Step 7: the engine's own usage × the price version that the job was admitted under. What did not succeed costs nothing. */
export function meter(dispatched: Dispatched): Metered {
  if (dispatched.outcome !== 'ok') return nothing;
  const { usage } = dispatched.result;
  return { usage, usageSource: 'engine', chargeNanos: chargeOf(usage, dispatched.offer.price) };
}
