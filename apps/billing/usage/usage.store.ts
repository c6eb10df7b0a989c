import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MeterQuantities } from '#kernel';
import type { UsageGroup, UsageSum } from '#protocol';
import { runNamed } from '../ledger/named-statement.js';
import { countMeters, countUsage, unknownKey } from './usage-statement.js';

const counted = 'SELECT * FROM unnest($1::uuid[], $2::boolean[]) AS g(record, learnt)';
const [addUsage, addMeters] = [countUsage(counted), countMeters(counted)];

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
  /** Counts charges that are new, and those whose admission was heard of only now. Each once: the caller knows which are, and whether new ones were measured in more than tokens. */
  async add(manager: EntityManager, fresh: readonly string[], learnt: readonly string[], hasMeters: boolean): Promise<void> {
    if (fresh.length + learnt.length === 0) return;
    const parameters = [[...fresh, ...learnt], [...fresh.map(() => false), ...learnt.map(() => true)]];
    await runNamed(manager, 'add-usage', addUsage, parameters);
    if (hasMeters || learnt.length > 0) await runNamed(manager, 'add-meters', addMeters, parameters);
  }

  /** Sums by bucket, in order; `bucket` counts from 0. Of as many as the limit, which may not be all, nothing is said beside tokens. */
  async sums(manager: EntityManager, filter: UsageFilter): Promise<(UsageSum & { bucket: number })[]> {
    const rows = await manager.query<SumRow[]>(
      `SELECT ${groupsOf(filter)}, sum(u.requests) AS requests, sum(u.input_tokens) AS input, sum(u.output_tokens) AS output, sum(u.amount_nanos) AS amount
       FROM ${within('usage_hours', filter)} GROUP BY 1, 2, 3, 4, 5 HAVING sum(u.requests) > 0 ORDER BY 1, 2, 3, 4, 5 LIMIT ${filter.limit}`,
      parametersOf(filter),
    );
    const meters: ReadonlyMap<string, MeterQuantities> = rows.length < filter.limit ? await this.meters(manager, filter) : new Map();
    return rows.map((row) => {
      const measured = meters.get(keyOf(row));
      return {
        ...{ bucket: Number(row.bucket), project: row.project, keyId: row.key, model: row.model, tag: row.tag },
        ...{ requests: Number(row.requests), inputTokens: Number(row.input), outputTokens: Number(row.output) },
        ...(measured && { meters: measured }),
        amountNanos: BigInt(row.amount),
      };
    });
  }

  /** What was charged from a moment on, which is the beginning of an hour. */
  async chargedFrom(manager: EntityManager, tenant: string, fromMs: number): Promise<bigint> {
    const [row] = await manager.query<{ nanos: string }[]>('SELECT COALESCE(sum(amount_nanos), 0) AS nanos FROM billing.usage_hours WHERE tenant = $1 AND hour_ms >= $2', [tenant, fromMs]);
    return BigInt(row!.nanos);
  }

  /** What was measured beside tokens, in the same groups. */
  private async meters(manager: EntityManager, filter: UsageFilter): Promise<ReadonlyMap<string, MeterQuantities>> {
    const rows = await manager.query<(GroupRow & { meters: Record<string, number> })[]>(
      `SELECT bucket, project, key, model, tag, jsonb_object_agg(meter, quantity) AS meters FROM (
         SELECT ${groupsOf(filter)}, u.meter, sum(u.quantity) AS quantity FROM ${within('usage_meters', filter)} GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(u.quantity) > 0
       ) AS sums GROUP BY 1, 2, 3, 4, 5`,
      parametersOf(filter),
    );
    return new Map(rows.map((row) => [keyOf(row), row.meters]));
  }
}

type GroupRow = Record<'bucket', string> & Record<'project' | 'key' | 'model' | 'tag', string | null>;
type SumRow = GroupRow & Record<'requests' | 'input' | 'output' | 'amount', string>;

const keyOf = ({ bucket, project, key, model, tag }: GroupRow): string => JSON.stringify([bucket, project, key, model, tag]);

/** The five columns that sums are by. */
function groupsOf({ groupBy }: UsageFilter): string {
  const by = (group: UsageGroup, column: string, type: string): string => (groupBy.includes(group) ? column : `NULL::${type}`);
  return `width_bucket(u.hour_ms, $1::bigint[]) - 1 AS bucket, ${by('project_id', 'u.project', 'uuid')} AS project, ${by('api_key_id', `NULLIF(u.key_id, '${unknownKey}')`, 'uuid')} AS key,
    ${by('model', `NULLIF(u.model, '')`, 'text')} AS model, ${by('tag', 't.tag', 'text')} AS tag`;
}

/** The hours that a filter lets through; with tags in as many rows as tags. */
const within = (table: 'usage_hours' | 'usage_meters', { groupBy }: UsageFilter): string =>
  `billing.${table} u ${groupBy.includes('tag') ? `CROSS JOIN LATERAL unnest(CASE u.tags WHEN '{}' THEN ARRAY[NULL]::text[] ELSE u.tags END) AS t(tag)` : ''}
   WHERE u.hour_ms >= $2 AND u.hour_ms < $3 AND (cardinality($4::uuid[]) = 0 OR u.project = ANY($4)) AND (cardinality($5::uuid[]) = 0 OR u.key_id = ANY($5))
     AND (cardinality($6::text[]) = 0 OR u.model = ANY($6)) AND (cardinality($7::text[]) = 0 OR u.tags && $7)`;

const parametersOf = ({ edgesMs, projects, keys, models, tags }: UsageFilter): unknown[] => [edgesMs, edgesMs[0], edgesMs.at(-1), projects, keys, models, tags];
