import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was deleted or has expired keeps its key apart until it is known that no legal hold keeps it. */
export class HeldDeletions1767225614000 implements MigrationInterface {
  name = 'HeldDeletions1767225614000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['files', 'responses']) {
      await runner.query(`
        ALTER TABLE scheduler.${table}
          -- As wrapped_key was. Apart from it, so that nothing that reads contents can open what is hidden.
          ADD COLUMN kept_key bytea,
          ADD COLUMN deleted_at_ms bigint,
          -- When a hold was last found to keep it; 0: nobody asked yet.
          ADD COLUMN held_at_ms bigint NOT NULL DEFAULT 0,
          -- When the log was told that a hold keeps it.
          ADD COLUMN held_since_ms bigint,
          ADD CHECK (kept_key IS NULL OR (state = 'deleted' AND wrapped_key IS NULL AND deleted_at_ms IS NOT NULL));
        CREATE INDEX ${table}_kept ON scheduler.${table} (tenant, held_at_ms) WHERE kept_key IS NOT NULL;
        CREATE INDEX ${table}_going ON scheduler.${table} (created_at_ms) WHERE state = 'deleted' AND kept_key IS NULL;
      `);
    }
  }

  async down(): Promise<void> {
    throw new Error('what is held is never let go of by a migration');
  }
}
