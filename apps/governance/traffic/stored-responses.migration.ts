import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How long a project's responses are stored. */
export class StoredResponses1767225610300 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE governance.traffic_limits ADD COLUMN response_seconds integer CHECK (response_seconds IS NULL OR (response_seconds > 0 AND scope = 'project'))");
  }

  async down(): Promise<void> {
    throw new Error('limits are never taken back by a migration');
  }
}
