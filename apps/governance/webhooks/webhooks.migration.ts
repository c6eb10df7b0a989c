import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Where organisations have entries of the log delivered to. */
export class Webhooks1767225612220 implements MigrationInterface {
  name = 'Webhooks1767225612220';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.webhooks (
        id uuid PRIMARY KEY,
        tenant uuid NOT NULL REFERENCES governance.organisations,
        url text NOT NULL,
        types text[],
        state text NOT NULL CHECK (state IN ('active', 'paused', 'disabled')),
        -- Sealed to the organisation, as bodies are.
        secret jsonb NOT NULL,
        old_secret jsonb,
        old_until_ms bigint,
        position bigint NOT NULL,
        attempts int NOT NULL DEFAULT 0,
        dead_in_a_row int NOT NULL DEFAULT 0,
        last_error text,
        next_attempt_ms bigint NOT NULL,
        created_at_ms bigint NOT NULL
      );
      CREATE INDEX webhooks_tenant ON governance.webhooks (tenant, id);
      CREATE INDEX webhooks_due ON governance.webhooks (next_attempt_ms) WHERE state = 'active';
      CREATE TABLE governance.webhook_dead_letters (
        webhook uuid NOT NULL REFERENCES governance.webhooks ON DELETE CASCADE,
        tenant uuid NOT NULL,
        index bigint NOT NULL,
        record uuid NOT NULL,
        type text NOT NULL,
        attempts int NOT NULL,
        error text NOT NULL,
        died_at_ms bigint NOT NULL,
        PRIMARY KEY (webhook, index)
      );
      GRANT SELECT, INSERT, UPDATE, DELETE ON governance.webhooks TO mizan_governance;
      GRANT SELECT, INSERT, UPDATE, DELETE ON governance.webhook_dead_letters TO mizan_governance;
    `);
    for (const table of ['webhooks', 'webhook_dead_letters']) await runner.query(tenantPolicy('governance', table));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.webhook_dead_letters, governance.webhooks');
  }
}
