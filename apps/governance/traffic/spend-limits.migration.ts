import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What organisations, projects and keys may spend in a period. */
export class SpendLimits1767225610500 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE governance.traffic_limits
        ADD COLUMN spend_nanos bigint CHECK (spend_nanos >= 0),
        ADD COLUMN spend_period text CHECK (spend_period IN ('hour', 'day', 'week', 'month')),
        ADD CHECK ((spend_nanos IS NULL) = (spend_period IS NULL))
    `);
  }

  async down(): Promise<void> {
    throw new Error('limits are never taken back by a migration');
  }
}
