import { z } from 'zod';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { machineQuantities } from './meters.js';
import { label, pageRequest, timeMs, uuid } from './scalars.js';

/** How somebody ended a claim: it is owed nothing, it was paid beside the books, or it was the node's mistake. */
export const claimResolutions = ['rejected', 'paid_outside', 'withdrawn'] as const;

export const claimResolution = z.object({ resolution: z.enum(claimResolutions), note: label, actor, resolvedAtMs: timeMs });
export type ClaimResolution = z.output<typeof claimResolution>;

/** A node's receipt that no charge supports, with why, and how it was resolved: `null` while it is open. Kept in any case. */
export const claimState = z.object({
  record: uuid,
  node: uuid,
  nodeName: z.string().nullable(),
  offer: uuid,
  model: z.string(),
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  meters: machineQuantities.optional(),
  /** `no_charge`, `other_node`, `usage_differs`, `content_differs` (offer, request or answer), `bad_signature`. */
  reason: z.string(),
  receivedAtMs: timeMs,
  resolved: claimResolution.nullable(),
});
export type ClaimState = z.output<typeof claimState>;

export const claimCalls = {
  /** Ordered by record and node; `after` is `<record>:<node>`. */
  list: defineCall('billing', 'claims.list', { request: pageRequest.extend({ state: z.enum(['open', 'resolved', 'all']) }), reply: z.object({ data: z.array(claimState), hasMore: z.boolean() }) }),
  /** Ends a claim, once: the same again answers the same. Errors: NOT_FOUND (no such claim), CONFLICT (resolved otherwise before). */
  resolve: defineCall('billing', 'claims.resolve', { request: z.object({ actor, record: uuid, node: uuid, resolution: z.enum(claimResolutions), note: label }), reply: claimState }),
} as const;
