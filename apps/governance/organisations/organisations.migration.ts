import type { MigrationInterface, QueryRunner } from 'typeorm';
import { outboxTable } from '#messaging';
import { tenantPolicy } from '#service';

/** Organisations, their sealing keys and projects, API keys, policies, and the outbox that tells of them. */
export class Organisations1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.organisations (
        tenant uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        pseudonym text NOT NULL UNIQUE CHECK (pseudonym ~ '^[0-9a-f]{64}$'),
        created_at_ms bigint NOT NULL
      );
      CREATE TABLE governance.sealing_keys (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        public_key bytea NOT NULL CHECK (length(public_key) = 32),
        wrapped_private_key bytea NOT NULL,
        created_at_ms bigint NOT NULL
      );
      CREATE TABLE governance.projects (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        name text NOT NULL,
        default_class text NOT NULL,
        created_at_ms bigint NOT NULL,
        UNIQUE (tenant, name)
      );
      CREATE TABLE governance.api_keys (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        project uuid REFERENCES governance.projects,
        role text NOT NULL,
        name text NOT NULL,
        hash text NOT NULL UNIQUE CHECK (hash ~ '^[0-9a-f]{64}$'),
        tail text NOT NULL,
        created_at_ms bigint NOT NULL,
        expires_at_ms bigint,
        revoked_at_ms bigint
      );
      CREATE INDEX api_keys_tenant ON governance.api_keys (tenant);
      CREATE TABLE governance.policies (
        tenant uuid NOT NULL REFERENCES governance.organisations,
        version integer NOT NULL CHECK (version > 0),
        hash text NOT NULL,
        text text NOT NULL,
        author uuid,
        published_at_ms bigint NOT NULL,
        PRIMARY KEY (tenant, version)
      );
      ${outboxTable('governance')};
    `);
    for (const table of ['organisations', 'sealing_keys', 'projects', 'api_keys', 'policies']) await runner.query(tenantPolicy('governance', table));
    // SELECT … FOR UPDATE asks for the right to update one column: it is how changes of one organisation take turns.
    await runner.query(`
      GRANT SELECT, INSERT, UPDATE (name) ON governance.organisations TO mizan_governance;
      GRANT SELECT, INSERT ON governance.sealing_keys, governance.projects, governance.policies TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE (revoked_at_ms) ON governance.api_keys TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE, DELETE ON governance.outbox TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('organisations are never taken back');
  }
}
