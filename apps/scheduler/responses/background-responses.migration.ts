import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Responses that run in the background, beside what is stored of them, and the events that tell them. */
export class BackgroundResponses1767225612920 implements MigrationInterface {
  name = 'BackgroundResponses1767225612920';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE scheduler.jobs DROP CONSTRAINT jobs_kind_check;
      ALTER TABLE scheduler.jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('batch.validate', 'batch.line', 'batch.finalise', 'response.run'));
      CREATE TABLE scheduler.background_responses (
        id uuid PRIMARY KEY REFERENCES scheduler.responses (id) ON DELETE CASCADE,
        tenant uuid NOT NULL,
        status text NOT NULL CHECK (status IN ('queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled')),
        declared jsonb NOT NULL,
        -- Why it failed, where no event tells.
        error jsonb,
        -- The number of its next event, and the bytes of those that are stored.
        events integer NOT NULL,
        event_bytes bigint NOT NULL DEFAULT 0,
        -- Whether the last event holds its end.
        is_told boolean NOT NULL DEFAULT false,
        -- Between these moments its record may have been admitted and not ended.
        since_ms bigint,
        until_ms bigint,
        created_at_ms bigint NOT NULL,
        CHECK ((since_ms IS NULL) = (until_ms IS NULL))
      );
      CREATE INDEX background_responses_tenant ON scheduler.background_responses (tenant) INCLUDE (event_bytes);
      CREATE TABLE scheduler.response_events (
        response uuid NOT NULL REFERENCES scheduler.background_responses (id) ON DELETE CASCADE,
        first integer NOT NULL,
        last integer NOT NULL CHECK (last >= first),
        tenant uuid NOT NULL,
        -- Server-sent events, encrypted under the key of the response's content.
        sealed bytea NOT NULL,
        PRIMARY KEY (response, last)
      );
      ALTER TABLE scheduler.response_events ALTER COLUMN sealed SET STORAGE EXTERNAL;
    `);
    for (const table of ['background_responses', 'response_events']) await runner.query(tenantPolicy('scheduler', table));
    await runner.query('GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler.background_responses, scheduler.response_events TO mizan_scheduler');
  }

  async down(): Promise<void> {
    throw new Error('what is stored is never taken back by a migration');
  }
}
