import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Tenant keys between the master key and the keys of an organisation, and who keeps the key over them. */
export class Custody1767225612100 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.tenant_keys (
        tenant uuid NOT NULL REFERENCES governance.organisations,
        version integer NOT NULL CHECK (version > 0),
        kept text NOT NULL CHECK (kept IN ('file', 'kms', 'tenant')),
        wrapped text NOT NULL,
        created_at_ms bigint NOT NULL,
        PRIMARY KEY (tenant, version)
      );
      CREATE TABLE governance.tenant_kms (
        tenant uuid PRIMARY KEY REFERENCES governance.organisations,
        url text NOT NULL,
        mount text NOT NULL,
        key text NOT NULL,
        namespace text,
        token_kept text NOT NULL CHECK (token_kept IN ('file', 'kms')),
        -- The key of the token, wrapped by the deployment, and the token under it.
        token_key text NOT NULL,
        token bytea NOT NULL
      );
      -- Null: wrapped straight under the master key, as all were before.
      ALTER TABLE governance.sealing_keys ADD COLUMN tenant_key integer;
      CREATE INDEX sealing_keys_tenant ON governance.sealing_keys (tenant, id);
    `);
    for (const table of ['tenant_keys', 'tenant_kms']) await runner.query(tenantPolicy('governance', table));
    await runner.query(`
      GRANT SELECT, INSERT, UPDATE (wrapped, kept), DELETE ON governance.tenant_keys TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE, DELETE ON governance.tenant_kms TO mizan_governance;
      GRANT UPDATE (wrapped_private_key, tenant_key) ON governance.sealing_keys TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('keys are never taken back by a migration');
  }
}
