import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { UsageGroup, UsageSum } from '#protocol';
import { runNamed } from '../ledger/named-statement.js';
import { countUsage, unknownKey } from './usage-statement.js';

const addUsage = countUsage('SELECT * FROM unnest($1::uuid[], $2::boolean[]) AS g(record, learnt)');

export interface UsageFilter {
  /** Starts of buckets and the end of the last. */
  readonly edgesMs: readonly number[];
  readonly groupBy: readonly UsageGroup[];
  /** Empty = all of them. */
  readonly projects: readonly string[];
  readonly keys: readonly string[];
  readonly models: readonly string[];
  readonly tags: readonly string[];
  readonly limit: number;
}

/** Sums of charges by the hour: days and months are sums of hours. */
@Injectable()
export class UsageStore {
  /** Counts charges that are new, and those whose admission was heard of only now. Each once: the caller knows which are. */
  async add(manager: EntityManager, fresh: readonly string[], learnt: readonly string[]): Promise<void> {
    if (fresh.length + learnt.length === 0) return;
    await runNamed(manager, 'add-usage', addUsage, [[...fresh, ...learnt], [...fresh.map(() => false), ...learnt.map(() => true)]]);
  }

  /** Sums by bucket, in order; `bucket` counts from 0. */
  async sums(manager: EntityManager, { edgesMs, groupBy, projects, keys, models, tags, limit }: UsageFilter): Promise<(UsageSum & { bucket: number })[]> {
    const by = (group: UsageGroup, column: string, type: string): string => (groupBy.includes(group) ? column : `NULL::${type}`);
    const rows = await manager.query<(Record<'bucket' | 'requests' | 'input' | 'output' | 'amount', string> & Record<'project' | 'key' | 'model' | 'tag', string | null>)[]>(
      `SELECT width_bucket(u.hour_ms, $1::bigint[]) - 1 AS bucket, ${by('project_id', 'u.project', 'uuid')} AS project, ${by('api_key_id', `NULLIF(u.key_id, '${unknownKey}')`, 'uuid')} AS key,
         ${by('model', `NULLIF(u.model, '')`, 'text')} AS model, ${by('tag', 't.tag', 'text')} AS tag,
         sum(u.requests) AS requests, sum(u.input_tokens) AS input, sum(u.output_tokens) AS output, sum(u.amount_nanos) AS amount
       FROM billing.usage_hours u ${groupBy.includes('tag') ? `CROSS JOIN LATERAL unnest(CASE u.tags WHEN '{}' THEN ARRAY[NULL]::text[] ELSE u.tags END) AS t(tag)` : ''}
       WHERE u.hour_ms >= $2 AND u.hour_ms < $3 AND (cardinality($4::uuid[]) = 0 OR u.project = ANY($4)) AND (cardinality($5::uuid[]) = 0 OR u.key_id = ANY($5))
         AND (cardinality($6::text[]) = 0 OR u.model = ANY($6)) AND (cardinality($7::text[]) = 0 OR u.tags && $7)
       GROUP BY 1, 2, 3, 4, 5 HAVING sum(u.requests) > 0 ORDER BY 1, 2, 3, 4, 5 LIMIT $8`,
      [edgesMs, edgesMs[0], edgesMs.at(-1), projects, keys, models, tags, limit],
    );
    return rows.map((row) => ({
      bucket: Number(row.bucket),
      project: row.project,
      keyId: row.key,
      model: row.model,
      tag: row.tag,
      requests: Number(row.requests),
      inputTokens: Number(row.input),
      outputTokens: Number(row.output),
      amountNanos: BigInt(row.amount),
    }));
  }
}
