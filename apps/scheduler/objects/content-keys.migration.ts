import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Which content key each data key is wrapped to, and that no row ever uses one that was closed. */
export class ContentKeys1767225614401 implements MigrationInterface {
  name = 'ContentKeys1767225614401';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE scheduler.content_keys (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        known_at_ms bigint NOT NULL,
        -- Nothing is under it any more: governance is told, and destroys it.
        closed_at_ms bigint,
        told_at_ms bigint,
        -- Rows refer to this: a key that rows use cannot be closed, and no row can use one that was.
        open_id uuid GENERATED ALWAYS AS (CASE WHEN closed_at_ms IS NULL THEN id END) STORED,
        UNIQUE (tenant, open_id),
        CHECK (told_at_ms IS NULL OR closed_at_ms IS NOT NULL)
      );
      CREATE INDEX content_keys_untold ON scheduler.content_keys (id) WHERE closed_at_ms IS NOT NULL AND told_at_ms IS NULL;
      -- Answers from before have none: they are encrypted as they are under the master key.
      ALTER TABLE scheduler.line_answers ADD COLUMN wrapped_key bytea;
    `);
    for (const [table, id, hasKey] of [['files', 'id', '(wrapped_key IS NOT NULL OR kept_key IS NOT NULL)'], ['responses', 'id', '(wrapped_key IS NOT NULL OR kept_key IS NOT NULL)'], ['line_answers', 'job', 'true']] as const) {
      await runner.query(`
        -- Null: under the master key of the scheduler.
        ALTER TABLE scheduler.${table} ADD COLUMN content_key uuid;
        ALTER TABLE scheduler.${table} ADD CONSTRAINT ${table}_content_key FOREIGN KEY (tenant, content_key) REFERENCES scheduler.content_keys (tenant, open_id);
        CREATE INDEX ${table}_by_content_key ON scheduler.${table} (tenant, content_key, ${id}) WHERE content_key IS NOT NULL;
        CREATE INDEX ${table}_under_master ON scheduler.${table} (tenant, ${id}) WHERE content_key IS NULL AND ${hasKey};
      `);
    }
    await runner.query(tenantPolicy('scheduler', 'content_keys'));
    await runner.query('GRANT SELECT, INSERT, UPDATE ON scheduler.content_keys TO mizan_scheduler');
  }

  async down(): Promise<void> {
    throw new Error('keys are never taken back by a migration');
  }
}
