import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Where organisations have their entries put. */
export class Buckets1767225612731 implements MigrationInterface {
  name = 'Buckets1767225612731';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.buckets (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        endpoint text NOT NULL,
        region text NOT NULL,
        bucket text NOT NULL,
        prefix text NOT NULL,
        format text NOT NULL CHECK (format IN ('jsonl', 'ocsf')),
        access_key_id text NOT NULL,
        -- Sealed to the organisation, as bodies are.
        credentials jsonb NOT NULL,
        state text NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
        position bigint NOT NULL,
        last bigint,
        objects integer NOT NULL DEFAULT 0,
        attempts integer NOT NULL DEFAULT 0,
        last_error text,
        next_attempt_ms bigint NOT NULL,
        created_at_ms bigint NOT NULL
      );
      CREATE INDEX buckets_tenant ON governance.buckets (tenant, id);
      CREATE INDEX buckets_due ON governance.buckets (next_attempt_ms) WHERE state = 'active';
      GRANT SELECT, INSERT, UPDATE, DELETE ON governance.buckets TO mizan_governance;
    `);
    await runner.query(tenantPolicy('governance', 'buckets'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.buckets');
  }
}
