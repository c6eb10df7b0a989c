import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a proof bundle looks up: the log entry of a policy version, and the anchors after an entry. */
export class BundledEntries1767225610800 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Null in versions that were published before: their texts are in the log, and no bundle finds them there.
      ALTER TABLE governance.policies ADD COLUMN record uuid;
      CREATE INDEX log_entries_anchors ON governance.log_entries (tenant, index) WHERE type = 'epoch.settled';
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}
