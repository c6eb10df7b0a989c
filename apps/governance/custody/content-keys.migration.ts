import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys over the keys of stored contents: the same kind of key for a third purpose, destroyed when nothing is under them any more. */
export class ContentKeys1767225614400 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE governance.sealing_keys
        DROP CONSTRAINT sealing_keys_purpose_check,
        DROP CONSTRAINT sealing_keys_check1,
        ADD CHECK (purpose IN ('lasting', 'requests', 'contents')),
        ADD CHECK (destroyed_by IS NULL OR (purpose IN ('requests', 'contents') AND retired_at_ms IS NOT NULL));
      CREATE UNIQUE INDEX sealing_keys_contents ON governance.sealing_keys (tenant) WHERE purpose = 'contents' AND retired_at_ms IS NULL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('keys are never taken back by a migration');
  }
}
