import { z } from 'zod';
import { defineCall } from './define.js';
import { nanos, timeMs, uuid } from './scalars.js';

/** Tags that begin like this go to the books, for attribution; every other tag stays in the sealed part of the record. */
export const costTagPrefix = 'cost:';
export const costTag = z.string().startsWith(costTagPrefix).max(512);

export const bucketWidths = ['1h', '1d', '1mo'] as const;
export type BucketWidth = (typeof bucketWidths)[number];
export const usageGroups = ['project_id', 'api_key_id', 'model', 'tag'] as const;
export type UsageGroup = (typeof usageGroups)[number];

/** Ended requests and what they used and cost, together. A member is `null` where it is not grouped by, or not known. */
export const usageSum = z.object({
  project: uuid.nullable(),
  keyId: uuid.nullable(),
  model: z.string().nullable(),
  /** Requests with several tags are in the sums of each. */
  tag: z.string().nullable(),
  requests: z.int().nonnegative(),
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  amountNanos: nanos,
});
export type UsageSum = z.output<typeof usageSum>;

/** From `fromMs`, before `toMs`; hours, days and months of UTC. */
export const usageBucket = z.object({ fromMs: timeMs, toMs: timeMs, sums: z.array(usageSum) });
export type UsageBucket = z.output<typeof usageBucket>;

/** One kind of line of what a day cost: tokens in or out under one price version, or what the books differ by from usage × price. */
export const costLine = z.object({
  dayMs: timeMs,
  project: uuid,
  projectName: z.string().nullable(),
  tenantName: z.string().nullable(),
  keyId: uuid.nullable(),
  model: z.string(),
  endpoint: z.string(),
  offer: uuid,
  node: uuid,
  nodeName: z.string().nullable(),
  priceVersion: uuid,
  priceHash: z.string().nullable(),
  tags: z.array(z.string()),
  meter: z.enum(['input', 'output', 'difference']),
  tokens: z.int().nonnegative(),
  nanosPerMillion: nanos,
  /** What was charged: each request rounded by itself. */
  amountNanos: nanos,
  /** Number of the invoice that it is in; `null` while it is in none that was issued. */
  invoice: z.string().nullable(),
});
export type CostLine = z.output<typeof costLine>;

export const costCalls = {
  /** Buckets from the one that holds `fromMs` on, at most `limit`; `nextMs` is where the next page begins. Error: REQUEST_INVALID (too many sums to answer). */
  listUsage: defineCall('billing', 'usage.list', {
    request: z.object({
      tenant: uuid,
      fromMs: timeMs,
      toMs: timeMs,
      width: z.enum(bucketWidths),
      groupBy: z.array(z.enum(usageGroups)),
      projects: z.array(uuid).max(100),
      keys: z.array(uuid).max(100),
      models: z.array(z.string()).max(100),
      tags: z.array(z.string()).max(100),
      limit: z.int().min(1).max(180),
    }),
    reply: z.object({ buckets: z.array(usageBucket), nextMs: timeMs.nullable() }),
    timeoutMs: 10_000,
  }),
  /** What each day from that of `fromMs` to before `toMs` cost, in one order; `next` is to be given as `after`. */
  listCostLines: defineCall('billing', 'costs.lines', {
    request: z.object({ tenant: uuid, fromMs: timeMs, toMs: timeMs, after: z.string().max(128).optional() }),
    reply: z.object({ lines: z.array(costLine), next: z.string().nullable() }),
    timeoutMs: 20_000,
  }),
} as const;
