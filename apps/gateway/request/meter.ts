import { chargeOf } from '#protocol';
import type { CompletedFacts } from '#protocol';
import type { Dispatched } from './dispatch.js';

export type Metered = Pick<CompletedFacts, 'usage' | 'usageSource' | 'chargeNanos'>;

const nothing: Metered = { usage: { inputTokens: 0, outputTokens: 0 }, usageSource: 'none', chargeNanos: 0n };

/**
 * Step 7: what was produced × the price version that the job was admitted under. The usage is the engine's own; where no engine says it,
 * an estimate that is marked as one. What produced nothing costs nothing.
 */
export function meter({ made, offer }: Pick<Dispatched, 'made' | 'offer'>): Metered {
  if (made === null) return nothing;
  return { usage: made.usage, usageSource: made.source, chargeNanos: chargeOf(made.usage, offer.price) };
}
