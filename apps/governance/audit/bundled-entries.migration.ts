import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a proof bundle looks up: the log entry of a policy version. */
export class BundledEntries1767225610800 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Null in versions that were published before: their texts are in the log, and no bundle finds them there.
      ALTER TABLE governance.policies ADD COLUMN record uuid;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}
