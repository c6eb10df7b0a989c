import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How often a job was lost with its holder, beside how often it was claimed: waiting for one's turn is no loss. */
export class JobLosses1700000000003 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE scheduler.jobs ADD COLUMN losses integer NOT NULL DEFAULT 0');
  }

  async down(): Promise<void> {
    throw new Error('the queue is never taken back');
  }
}
