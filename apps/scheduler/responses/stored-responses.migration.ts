import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Responses that callers wanted stored and their project's retention allows. */
export class StoredResponses1767225610301 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE scheduler.responses (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        project uuid NOT NULL,
        key_id uuid NOT NULL,
        -- 'opened': its content is on its way; 'stored'; 'deleted': content to be removed.
        state text NOT NULL CHECK (state IN ('opened', 'stored', 'deleted')),
        bytes bigint CHECK (bytes >= 0),
        wrapped_key bytea,
        created_at_ms bigint NOT NULL,
        expires_at_ms bigint NOT NULL,
        CHECK (state <> 'stored' OR (bytes IS NOT NULL AND wrapped_key IS NOT NULL)),
        CHECK (state <> 'deleted' OR wrapped_key IS NULL)
      );
      CREATE INDEX responses_tenant ON scheduler.responses (tenant) INCLUDE (bytes) WHERE state <> 'deleted';
      CREATE INDEX responses_expiring ON scheduler.responses (expires_at_ms) WHERE state = 'stored';
      CREATE INDEX responses_leaving ON scheduler.responses (created_at_ms) WHERE state <> 'stored';
    `);
    await runner.query(tenantPolicy('scheduler', 'responses'));
    await runner.query('GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler.responses TO mizan_scheduler');
  }

  async down(): Promise<void> {
    throw new Error('what is stored is never taken back by a migration');
  }
}
