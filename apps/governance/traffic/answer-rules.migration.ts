import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What happens to personal data in answers, by kind. */
export class AnswerRules1767225612000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE governance.traffic_limits ADD COLUMN answers jsonb');
  }

  async down(): Promise<void> {
    throw new Error('limits are never taken back by a migration');
  }
}
