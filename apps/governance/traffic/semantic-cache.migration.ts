import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whether a project's answers are given to similar questions. */
export class SemanticCache1767225610502 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE governance.traffic_limits ADD COLUMN semantic_cache jsonb CHECK (semantic_cache IS NULL OR scope = 'project')");
  }

  async down(): Promise<void> {
    throw new Error('limits are never taken back by a migration');
  }
}
