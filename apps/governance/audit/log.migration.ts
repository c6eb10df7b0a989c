import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/**
 * The audit log. Entries and inner nodes can be inserted and read, never changed or removed, by the role that the service
 * runs with; only the one row of the head moves. Bodies stand beside, so that the log stays whole when one is erased.
 */
export class Log1700000000002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.log_entries (
        index bigint PRIMARY KEY CHECK (index >= 0),
        id uuid NOT NULL,
        type text NOT NULL,
        tenant uuid,
        time_ms bigint NOT NULL,
        envelope bytea NOT NULL CHECK (length(envelope) <= 65535),
        leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
        UNIQUE (id, type)
      );
      CREATE INDEX log_entries_tenant ON governance.log_entries (tenant, index);
      CREATE TABLE governance.log_bodies (
        index bigint PRIMARY KEY REFERENCES governance.log_entries,
        tenant uuid,
        seal_key_id uuid,
        wrapped_key bytea,
        nonce bytea,
        ciphertext bytea,
        -- json, not jsonb: what was committed to comes back as it was, and no text in it can be refused.
        fields json,
        CHECK ((seal_key_id IS NULL) = (fields IS NOT NULL))
      );
      CREATE TABLE governance.log_nodes (
        level smallint NOT NULL CHECK (level BETWEEN 1 AND 53),
        index bigint NOT NULL CHECK (index >= 0),
        hash bytea NOT NULL CHECK (length(hash) = 32),
        PRIMARY KEY (level, index)
      );
      CREATE TABLE governance.log_head (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        size bigint NOT NULL,
        root bytea NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now()
      );
      INSERT INTO governance.log_head (size, root) VALUES (0, sha256(''));
      CREATE TABLE governance.log_rejections (
        id uuid NOT NULL,
        type text NOT NULL,
        tenant uuid,
        reason text NOT NULL,
        record json NOT NULL,
        rejected_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (id, type)
      );
    `);
    for (const table of ['log_entries', 'log_bodies', 'log_rejections']) await runner.query(tenantPolicy('governance', table));
    await runner.query(`
      GRANT SELECT, INSERT ON governance.log_entries, governance.log_bodies, governance.log_nodes, governance.log_rejections TO mizan_governance;
      GRANT SELECT, UPDATE (size, root, updated_at) ON governance.log_head TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}
