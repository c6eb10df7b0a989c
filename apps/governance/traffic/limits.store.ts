import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AnswerRules, LimitScope, LimitSetting, SemanticCacheSetting, SpendPeriod } from '#protocol';

interface LimitRow {
  tenant: string;
  subject: string;
  scope: LimitScope;
  requests_per_minute: string | null;
  tokens_per_minute: string | null;
  concurrent_requests: string | null;
  models: string[] | null;
  cache_seconds: number | null;
  semantic_cache: SemanticCacheSetting | null;
  hedge_share: number | null;
  response_seconds: number | null;
  spend_nanos: string | null;
  spend_period: SpendPeriod | null;
  answers: AnswerRules | null;
  changed_at_ms: string;
}

@Injectable()
export class LimitStore {
  async put(manager: EntityManager, limit: LimitSetting): Promise<void> {
    await manager.query(
      `INSERT INTO governance.traffic_limits (tenant, subject, scope, requests_per_minute, tokens_per_minute, concurrent_requests, models, cache_seconds, spend_nanos, spend_period, changed_at_ms, semantic_cache, hedge_share, response_seconds, answers)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
       ON CONFLICT (subject) DO UPDATE SET requests_per_minute = excluded.requests_per_minute, tokens_per_minute = excluded.tokens_per_minute,
         concurrent_requests = excluded.concurrent_requests, models = excluded.models, cache_seconds = excluded.cache_seconds,
         spend_nanos = excluded.spend_nanos, spend_period = excluded.spend_period, semantic_cache = excluded.semantic_cache, hedge_share = excluded.hedge_share,
         response_seconds = excluded.response_seconds, answers = excluded.answers, changed_at_ms = excluded.changed_at_ms`,
      [limit.tenant, limit.subject, limit.scope, limit.requestsPerMinute, limit.tokensPerMinute, limit.concurrentRequests, limit.models, limit.cacheSeconds, limit.spend?.limitNanos ?? null, limit.spend?.period ?? null, limit.changedAtMs, limit.semanticCache, limit.hedge?.maxShare ?? null, limit.responseSeconds, limit.answers],
    );
  }

  async list(manager: EntityManager, tenant: string): Promise<LimitSetting[]> {
    const rows = await manager.query<LimitRow[]>('SELECT * FROM governance.traffic_limits WHERE tenant = $1 ORDER BY scope, subject', [tenant]);
    return rows.map(fromRow);
  }
}

function fromRow(row: LimitRow): LimitSetting {
  const rate = (value: string | null): number | null => (value === null ? null : Number(value));
  return {
    tenant: row.tenant,
    subject: row.subject,
    scope: row.scope,
    requestsPerMinute: rate(row.requests_per_minute),
    tokensPerMinute: rate(row.tokens_per_minute),
    concurrentRequests: rate(row.concurrent_requests),
    models: row.models,
    cacheSeconds: row.cache_seconds,
    semanticCache: row.semantic_cache,
    hedge: row.hedge_share === null ? null : { maxShare: row.hedge_share },
    responseSeconds: row.response_seconds,
    spend: row.spend_nanos === null || row.spend_period === null ? null : { limitNanos: BigInt(row.spend_nanos), period: row.spend_period },
    answers: row.answers,
    changedAtMs: Number(row.changed_at_ms),
  };
}
