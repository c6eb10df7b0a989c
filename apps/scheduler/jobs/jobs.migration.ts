import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** The durable queue, files, batches and the answers of lines until their batch ends. Every row is an organisation's. */
export class Jobs1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE SEQUENCE scheduler.job_fences;
      CREATE TABLE scheduler.jobs (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        kind text NOT NULL CHECK (kind IN ('batch.validate', 'batch.line', 'batch.finalise')),
        owner uuid NOT NULL,
        payload jsonb NOT NULL,
        state text NOT NULL CHECK (state IN ('queued', 'running', 'lost', 'done', 'dropped', 'dead')),
        -- Start-time fair queueing: each organisation's work is spread over the same line of numbers.
        tag bigint NOT NULL,
        attempt integer NOT NULL DEFAULT 0,
        generation integer NOT NULL DEFAULT 0,
        fence bigint NOT NULL DEFAULT 0,
        holder text,
        claimed_at_ms bigint NOT NULL DEFAULT 0,
        lease_until_ms bigint NOT NULL DEFAULT 0,
        run_after_ms bigint NOT NULL DEFAULT 0,
        reason text,
        created_at_ms bigint NOT NULL,
        CHECK ((state = 'running') <= (fence > 0 AND holder IS NOT NULL))
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);
      CREATE INDEX jobs_queued ON scheduler.jobs (tag, id) WHERE state = 'queued';
      CREATE INDEX jobs_tenant ON scheduler.jobs (tenant, tag) WHERE state = 'queued';
      CREATE INDEX jobs_leased ON scheduler.jobs (lease_until_ms) WHERE state = 'running';
      CREATE INDEX jobs_lost ON scheduler.jobs (run_after_ms) WHERE state = 'lost';
      CREATE INDEX jobs_open ON scheduler.jobs (owner, kind) WHERE state IN ('queued', 'running', 'lost');
      CREATE INDEX jobs_owner ON scheduler.jobs (owner, kind, state);
      CREATE TABLE scheduler.files (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        project uuid NOT NULL,
        key_id uuid NOT NULL,
        -- 'opened': an upload under way; 'stored': its content is there; 'shown': a file; 'deleted': content to be removed.
        state text NOT NULL CHECK (state IN ('opened', 'stored', 'shown', 'deleted')),
        purpose text,
        filename text,
        bytes bigint CHECK (bytes >= 0),
        sha256 text,
        wrapped_key bytea,
        created_at_ms bigint NOT NULL,
        expires_at_ms bigint,
        CHECK (state NOT IN ('stored', 'shown') OR (bytes IS NOT NULL AND wrapped_key IS NOT NULL)),
        CHECK (state <> 'shown' OR (purpose IS NOT NULL AND filename IS NOT NULL))
      );
      CREATE INDEX files_shown ON scheduler.files (tenant, project, id) WHERE state = 'shown';
      CREATE INDEX files_expiring ON scheduler.files (expires_at_ms) WHERE state = 'shown' AND expires_at_ms IS NOT NULL;
      CREATE INDEX files_leaving ON scheduler.files (created_at_ms) WHERE state <> 'shown';
      CREATE TABLE scheduler.batches (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL,
        project uuid NOT NULL,
        key_id uuid NOT NULL,
        endpoint text NOT NULL,
        input_file uuid NOT NULL,
        output_file uuid,
        error_file uuid,
        status text NOT NULL CHECK (status IN ('validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled')),
        -- The status that finalizing leads to.
        ending text CHECK (ending IN ('completed', 'expired', 'cancelled')),
        problems jsonb NOT NULL DEFAULT '[]',
        metadata jsonb,
        declared jsonb NOT NULL,
        total integer NOT NULL DEFAULT 0,
        completed integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        created_at_ms bigint NOT NULL,
        expires_at_ms bigint NOT NULL,
        entered_at_ms jsonb NOT NULL
      );
      CREATE INDEX batches_listed ON scheduler.batches (tenant, project, id);
      CREATE INDEX batches_open ON scheduler.batches (expires_at_ms) WHERE status IN ('validating', 'in_progress', 'cancelling');
      CREATE INDEX batches_reading ON scheduler.batches (input_file) WHERE status IN ('validating', 'in_progress', 'cancelling', 'finalizing');
      CREATE TABLE scheduler.line_answers (
        batch uuid NOT NULL,
        line integer NOT NULL,
        tenant uuid NOT NULL,
        job uuid NOT NULL UNIQUE,
        good boolean NOT NULL,
        -- Encrypted for the organisation.
        answer bytea NOT NULL,
        PRIMARY KEY (batch, line)
      );
      ALTER TABLE scheduler.line_answers ALTER COLUMN answer SET STORAGE EXTERNAL;
    `);
    for (const table of ['jobs', 'files', 'batches', 'line_answers']) await runner.query(tenantPolicy('scheduler', table));
    await runner.query(`
      GRANT USAGE ON SEQUENCE scheduler.job_fences TO mizan_scheduler;
      GRANT SELECT, INSERT, UPDATE, DELETE ON scheduler.jobs, scheduler.files, scheduler.line_answers TO mizan_scheduler;
      GRANT SELECT, INSERT, UPDATE ON scheduler.batches TO mizan_scheduler;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the queue is never taken back');
  }
}
