import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Keys of requests by time, so that what is old is deleted by destroying its key; and what keeps it from being deleted. */
export class Retention1767225612120 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE governance.sealing_keys
        -- What is sealed to it: changes of the organisation, which are kept, or requests, by time.
        ADD COLUMN purpose text NOT NULL DEFAULT 'lasting' CHECK (purpose IN ('lasting', 'requests')),
        -- When its successor was made.
        ADD COLUMN retired_at_ms bigint,
        -- The entry of the log that says so.
        ADD COLUMN destroyed_by uuid,
        ADD COLUMN destroyed_at_ms bigint,
        ALTER COLUMN wrapped_private_key DROP NOT NULL,
        ADD CHECK ((wrapped_private_key IS NULL) = (destroyed_by IS NOT NULL) AND (destroyed_by IS NULL) = (destroyed_at_ms IS NULL)),
        ADD CHECK (destroyed_by IS NULL OR (purpose = 'requests' AND retired_at_ms IS NOT NULL));
      CREATE TABLE governance.retention (
        tenant uuid PRIMARY KEY REFERENCES governance.organisations,
        laws text[] NOT NULL,
        days integer CHECK (days > 0),
        changed_at_ms bigint NOT NULL
      );
      CREATE TABLE governance.legal_holds (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        reason text NOT NULL,
        reference text,
        person text CHECK (person ~ '^[0-9a-f]{64}$'),
        from_ms bigint,
        until_ms bigint,
        placed_at_ms bigint NOT NULL,
        released_at_ms bigint
      );
      CREATE INDEX legal_holds_tenant ON governance.legal_holds (tenant, id);
      CREATE TABLE governance.held_erasures (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        person text NOT NULL CHECK (person ~ '^[0-9a-f]{64}$'),
        basis text NOT NULL,
        reference text,
        requested_at_ms bigint NOT NULL,
        UNIQUE (tenant, person)
      );
    `);
    for (const table of ['retention', 'legal_holds', 'held_erasures']) await runner.query(tenantPolicy('governance', table));
    await runner.query(`
      GRANT UPDATE (retired_at_ms, destroyed_by, destroyed_at_ms) ON governance.sealing_keys TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE ON governance.retention TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE (released_at_ms) ON governance.legal_holds TO mizan_governance;
      GRANT SELECT, INSERT, DELETE ON governance.held_erasures TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('keys are never taken back by a migration');
  }
}
