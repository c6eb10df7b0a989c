import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Limits of organisations, projects and keys, and an organisation's own names for models. */
export class Traffic1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.traffic_limits (
        tenant uuid NOT NULL REFERENCES governance.organisations,
        subject uuid PRIMARY KEY,
        scope text NOT NULL CHECK (scope IN ('organisation', 'project', 'key')),
        requests_per_minute bigint CHECK (requests_per_minute > 0),
        tokens_per_minute bigint CHECK (tokens_per_minute > 0),
        concurrent_requests bigint CHECK (concurrent_requests > 0),
        models text[],
        cache_seconds integer CHECK (cache_seconds IS NULL OR (cache_seconds > 0 AND scope = 'project')),
        changed_at_ms bigint NOT NULL
      );
      CREATE INDEX traffic_limits_tenant ON governance.traffic_limits (tenant);
      CREATE TABLE governance.model_aliases (
        tenant uuid PRIMARY KEY REFERENCES governance.organisations,
        aliases jsonb NOT NULL,
        changed_at_ms bigint NOT NULL
      );
    `);
    for (const table of ['traffic_limits', 'model_aliases']) {
      await runner.query(tenantPolicy('governance', table));
      await runner.query(`GRANT SELECT, INSERT, UPDATE ON governance.${table} TO mizan_governance`);
    }
  }

  async down(): Promise<void> {
    throw new Error('limits are never taken back by a migration');
  }
}
