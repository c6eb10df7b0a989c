import { z } from 'zod';
import { meterNames } from '#kernel';
import { defineCall } from './define.js';
import { invoiceCurrency } from './invoice-currency.js';
import { meterQuantities } from './meters.js';
import { nanos, timeMs, uuid } from './scalars.js';

/** Tags that begin like this go to the books, for attribution; every other tag stays in the sealed part of the record. */
export const costTagPrefix = 'cost:';
export const costTag = z.string().startsWith(costTagPrefix).max(512);

export const bucketWidths = ['1h', '1d', '1mo'] as const;
export type BucketWidth = (typeof bucketWidths)[number];
export const usageGroups = ['project_id', 'api_key_id', 'model', 'tag'] as const;
export type UsageGroup = (typeof usageGroups)[number];

/** What books of another release may say more of is left out: a reader of sums pays for nothing. */
const countedMeters = z.object(meterQuantities.shape);

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
  /** What else was measured; left out: nothing. */
  meters: countedMeters.optional(),
  amountNanos: nanos,
});
export type UsageSum = z.output<typeof usageSum>;

/** From `fromMs`, before `toMs`; hours, days and months of UTC. */
export const usageBucket = z.object({ fromMs: timeMs, toMs: timeMs, sums: z.array(usageSum) });
export type UsageBucket = z.output<typeof usageBucket>;

const lineMeters = [...meterNames, 'difference', 'credit', 'correction', 'discount', 'minimum', 'fee', 'granted', 'tax', 'rounding', 'credit_note', 'other'] as const;

/**
 * One kind of line of what a day cost: what one meter counted under one price version, or what the books differ by from usage × price. What an agreement adds to or takes off an
 * invoice is about no project, machine or price: those are `null`.
 */
const costLineShape = z.object({
  dayMs: timeMs,
  project: uuid.nullable(),
  projectName: z.string().nullable(),
  tenantName: z.string().nullable(),
  keyId: uuid.nullable(),
  model: z.string(),
  endpoint: z.string(),
  offer: uuid.nullable(),
  node: uuid.nullable(),
  nodeName: z.string().nullable(),
  priceVersion: uuid.nullable(),
  priceHash: z.string().nullable(),
  tags: z.array(z.string()),
  /**
   * `credit`: work that verification refuted, credited on this day; `correction`: usage that was corrected on this day. `discount` to `granted` are of an agreement or a credit, in an issued invoice; `model` is what they are called.
   * `tax`, `rounding` and `credit_note` are of an issued invoice or note in its own currency: nothing in dollars. `other`: what books of a
   * later release charged for and a reader has no name for.
   */
  meter: z.enum(lineMeters),
  /** As the meter counts; zero of what is no usage. */
  quantity: z.int().nonnegative(),
  /** For as much of it as has a price (`meterPer`). */
  priceNanos: z.codec(z.string().regex(/^\d{1,26}$/), z.bigint(), { decode: (text) => BigInt(text), encode: (value) => value.toString() }),
  /** What was charged: each request rounded by itself. */
  amountNanos: nanos,
  /** Number of the invoice that it is in; `null` while it is in none that was issued. */
  invoice: z.string().nullable(),
  /** The legal entity that bills it; `null`: nobody has said who. */
  issuer: z.string().nullable().optional(),
  /**
   * Of what is in an issued invoice or credit note: what it is in that. `amountNanos` are converted, without rounding; `nanos` of the currency are added, and so much as `lessUsdNanos` come to are taken
   * off. All lines of an invoice add up to its total exactly.
   */
  billed: z.object({ currency: invoiceCurrency, nanosPerUsd: nanos, nanos: nanos.optional(), lessUsdNanos: nanos.optional(), /** What the invoice is of; of a note left out. */ periodFromMs: timeMs.optional(), periodToMs: timeMs.optional() }).optional(),
  /** Number of the issued invoice that has the request which is corrected or credited here, afterwards: in a later one, or in none yet. */
  corrects: z.string().nullable().optional(),
});
export type CostLine = z.output<typeof costLineShape>;

/** Nano-units that a dollar is worth where a line is billed: what is in no invoice yet is in dollars. */
export const rateOfLine = ({ billed }: Pick<CostLine, 'billed'>): bigint => billed?.nanosPerUsd ?? 1_000_000_000n;

/** What a line is billed, in 10⁻¹⁸ of the currency: nothing is rounded. */
export const billedAtto = (line: Pick<CostLine, 'amountNanos' | 'billed'>): bigint => (line.amountNanos - (line.billed?.lessUsdNanos ?? 0n)) * rateOfLine(line) + (line.billed?.nanos ?? 0n) * 1_000_000_000n;

type WireLine = z.input<typeof costLineShape>;

/** As the releases before meters told a line: `tokens` of `input`, `output` or `request`, each for a million. */
function fromEarlier({ meter, tokens, nanosPerMillion, ...line }: Record<string, unknown>): Record<string, unknown> {
  const price = String(nanosPerMillion);
  const named: Record<string, string> = { input: 'input_tokens', output: 'output_tokens', request: 'requests' };
  return { ...line, meter: named[String(meter)] ?? meter, quantity: tokens, priceNanos: meter === 'request' && /^\d+$/.test(price) ? (BigInt(price) / 1_000_000n).toString() : price };
}

/** Read from books of this release, of one before it or of a later one: gateways and billing are not replaced at one moment. */
export const costLine = z.codec(z.record(z.string(), z.json()), costLineShape, {
  decode: (line): WireLine => {
    const told = 'tokens' in line ? fromEarlier(line) : line;
    const isKnown = (lineMeters as readonly unknown[]).includes(told['meter']);
    return (typeof told['meter'] !== 'string' || isKnown ? told : { ...told, meter: 'other', quantity: 0, priceNanos: '0' }) as WireLine;
  },
  encode: (line) => line,
});

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
