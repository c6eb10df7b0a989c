import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { actor } from './governance.js';
import { label, nanos, pageRequest, slug, timeMs, uuid } from './scalars.js';

/** Ninety days: work that nobody has verified by then is paid. */
const holdMsMax = 90 * 86_400_000;

/** Whose earnings: one machine's, a network's, or everybody's. The narrowest rule holds; of a machine whose network is not known, the largest share of any network. */
export const holdbackTarget = z.union([z.literal('all'), z.string().regex(/^network:[a-z0-9][a-z0-9-]{0,62}$/), z.string().regex(/^node:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)]);

/** What is kept back of each charge's earnings, and for how long at most. No share: nothing is. */
export const newHoldbackRule = z.object({ target: holdbackTarget, basisPoints: z.int().min(0).max(10_000), holdMs: z.int().min(1_000).max(holdMsMax) });
export type NewHoldbackRule = z.output<typeof newHoldbackRule>;

export const holdbackRule = newHoldbackRule.extend({ changedAtMs: timeMs });
export type HoldbackRule = z.output<typeof holdbackRule>;

export const holdbackStates = ['held', 'released', 'forfeited'] as const;

/** Earnings of one charge that are kept back until its work is verified. */
export const holdback = z.object({
  record: uuid,
  tenant: uuid,
  node: uuid,
  amountNanos: nanos,
  state: z.enum(holdbackStates),
  /** Released then, if nobody has said anything. */
  releaseAtMs: timeMs,
  endedAtMs: timeMs.nullable(),
  /** Credited to the organisation: all but what owners of data have of the charge. */
  forfeitedNanos: nanos,
  /** What verification said; `null`: nothing by the time. */
  reason: z.string().nullable(),
});
export type Holdback = z.output<typeof holdback>;

/** What verification found about a machine's work. The first word on it counts. */
export const verdict = z.object({ record: uuid, node: uuid, passed: z.boolean(), reason: label });
export type Verdict = z.output<typeof verdict>;

export const holdbackCalls = {
  putRule: defineCall('billing', 'holdbacks.put-rule', { request: newHoldbackRule.extend({ actor }), reply: holdbackRule }),
  listRules: defineCall('billing', 'holdbacks.list-rules', { request: z.object({}), reply: z.object({ data: z.array(holdbackRule) }) }),
  /** Ordered by record; `after` is one. */
  list: defineCall('billing', 'holdbacks.list', { request: pageRequest.extend({ tenant: uuid.nullable(), state: z.enum([...holdbackStates, 'all']) }), reply: z.object({ data: z.array(holdback), hasMore: z.boolean() }) }),
  /** Ends a holdback as verification would: the same again answers the same. Errors: NOT_FOUND, CONFLICT (it has ended otherwise). */
  decide: defineCall('billing', 'holdbacks.decide', { request: z.object({ actor, record: uuid, passed: z.boolean(), note: label }), reply: holdback }),
} as const;

export const verificationEvents = {
  /** Of whoever verifies untrusted work. */
  workVerified: defineEvent('scheduler', 'work-verified', verdict),
} as const;

export const networkTarget = (network: z.output<typeof slug>): string => `network:${network}`;
export const nodeTarget = (node: string): string => `node:${node}`;
