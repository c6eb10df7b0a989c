import { z } from 'zod';
import { bucketWidths, isPlainText, usageGroups, uuid } from '#protocol';
import type { RequestOf, costCalls } from '#protocol';
import { tenantQuery } from '../http/list-query.js';

/** Seconds since the epoch, as OpenAI has them. */
export const seconds = z.coerce.number<string>().int().min(0).max(253_402_300_799);

/** Written once with commas, or said several times. */
const listOf = <T extends string>(item: z.ZodType<T, string>) =>
  z
    .union([z.string().max(8_192), z.array(z.string().max(512)).max(100)])
    .transform((given) => (typeof given === 'string' ? given.split(',') : given).map((text) => text.trim()).filter((text) => text !== ''))
    .pipe(z.array(item).max(100))
    .optional();

export const periodQuery = tenantQuery.extend({
  /** Inclusive. */
  start_time: seconds,
  /** Exclusive; left out = now. */
  end_time: seconds.optional(),
});

const text = z.string().refine(isPlainText, 'control characters and broken surrogates are not text');
const lists = { group_by: listOf(z.enum(usageGroups)), project_ids: listOf(uuid), api_key_ids: listOf(uuid), models: listOf(text), tags: listOf(text) };

export const usageQuery = periodQuery.extend({
  bucket_width: z.enum(bucketWidths).default('1d'),
  ...lists,
  // OpenAI's own clients write lists so.
  'group_by[]': lists.group_by,
  'project_ids[]': lists.project_ids,
  'api_key_ids[]': lists.api_key_ids,
  'models[]': lists.models,
  'tags[]': lists.tags,
  limit: z.coerce.number<string>().int().min(1).max(180).default(31),
  /** `next_page` of the page before. */
  page: z.string().regex(/^\d{1,15}$/, 'is no page').optional(),
});
export type UsageQuery = z.output<typeof usageQuery>;

/** What the books are asked. */
export function askedUsage(tenant: string, query: UsageQuery, nowMs: number): RequestOf<typeof costCalls.listUsage> {
  return {
    tenant,
    fromMs: query.page === undefined ? query.start_time * 1_000 : Number(query.page),
    toMs: query.end_time === undefined ? nowMs : query.end_time * 1_000,
    width: query.bucket_width,
    groupBy: [...new Set(query.group_by ?? query['group_by[]'] ?? [])],
    projects: query.project_ids ?? query['project_ids[]'] ?? [],
    keys: query.api_key_ids ?? query['api_key_ids[]'] ?? [],
    models: query.models ?? query['models[]'] ?? [],
    tags: query.tags ?? query['tags[]'] ?? [],
    limit: query.limit,
  };
}
