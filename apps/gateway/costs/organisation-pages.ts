import { z } from 'zod';
import { meterQuantities, nanos } from '#protocol';
import type { ReplyOf, UsageSum, costCalls } from '#protocol';

const page = <S extends z.ZodType>(result: S) =>
  z.object({
    object: z.literal('page'),
    data: z.array(z.object({ object: z.literal('bucket'), start_time: z.int(), end_time: z.int(), results: z.array(result) })),
    has_more: z.boolean(),
    next_page: z.string().nullable(),
  });

const usageResult = z.object({
  object: z.literal('organization.usage.result'),
  input_tokens: z.int(),
  output_tokens: z.int(),
  /** Part of the input. */
  input_cached_tokens: z.int(),
  num_model_requests: z.int(),
  /** Our own: what else was measured, where anything was. */
  meters: meterQuantities.optional(),
  project_id: z.string().nullable(),
  api_key_id: z.string().nullable(),
  model: z.string().nullable(),
  tag: z.string().nullable(),
});
export const usagePage = page(usageResult);

const costResult = z.object({
  object: z.literal('organization.costs.result'),
  /** `value` in dollars, as near as a JSON number comes; `nanos` is exact. */
  amount: z.object({ value: z.number(), currency: z.literal('usd'), nanos }),
  line_item: z.string().nullable(),
  project_id: z.string().nullable(),
  api_key_id: z.string().nullable(),
  tag: z.string().nullable(),
});
export const costPage = page(costResult);

type Usage = ReplyOf<typeof costCalls.listUsage>;

const pageOf = <T>({ buckets, nextMs }: Usage, result: (sum: UsageSum) => T) => ({
  object: 'page' as const,
  data: buckets.map(({ fromMs, toMs, sums }) => ({ object: 'bucket' as const, start_time: fromMs / 1_000, end_time: toMs / 1_000, results: sums.map(result) })),
  has_more: nextMs !== null,
  next_page: nextMs === null ? null : String(nextMs),
});

export const toUsagePage = (usage: Usage): z.output<typeof usagePage> =>
  pageOf(usage, (sum) => ({
    object: 'organization.usage.result',
    input_tokens: sum.inputTokens,
    output_tokens: sum.outputTokens,
    input_cached_tokens: sum.meters?.cached_tokens ?? 0,
    num_model_requests: sum.requests,
    ...(sum.meters && { meters: sum.meters }),
    project_id: sum.project,
    api_key_id: sum.keyId,
    model: sum.model,
    tag: sum.tag,
  }));

/** A model is what OpenAI calls a line item. */
export const toCostPage = (usage: Usage): z.output<typeof costPage> =>
  pageOf(usage, (sum) => ({
    object: 'organization.costs.result',
    amount: { value: Number(sum.amountNanos) / 1e9, currency: 'usd', nanos: sum.amountNanos },
    line_item: sum.model,
    project_id: sum.project,
    api_key_id: sum.keyId,
    tag: sum.tag,
  }));
