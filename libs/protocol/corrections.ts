import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { label, nanos, pageRequest, timeMs, uuid } from './scalars.js';
import { usage } from './vocabulary.js';

/** What a request really used. The charge stays; what it differs by is a credit, or a further charge, of its own. */
export const newCorrection = z.object({
  /** The request. */
  record: uuid,
  /** All of it, not what it differs by. */
  usage: usage.strict(),
  reason: label,
});
export type NewCorrection = z.output<typeof newCorrection>;

export const correction = newCorrection.extend({
  id: uuid,
  tenant: uuid,
  /** What is owed more for the request, or (negative) less, than before: by the price version of its charge. */
  amountNanos: nanos,
  madeAtMs: timeMs,
});
export type Correction = z.output<typeof correction>;

export const correctionCalls = {
  /**
   * Once for each id: the same again answers the same. Errors: NOT_FOUND (charge), RECORD_PENDING (its admission or its charge is not in the books yet), IDEMPOTENCY_MISMATCH,
   * PRICE_UNKNOWN, CONFLICT (more would be credited than was charged), AMOUNT_OVERFLOW.
   */
  correct: defineCall('billing', 'corrections.make', { request: newCorrection.extend({ actor, tenant: uuid, id: uuid }), reply: correction }),
  /** Ordered by id. */
  list: defineCall('billing', 'corrections.list', { request: pageRequest.extend({ tenant: uuid }), reply: z.object({ data: z.array(correction), hasMore: z.boolean() }) }),
} as const;
