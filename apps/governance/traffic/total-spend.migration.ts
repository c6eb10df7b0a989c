import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Spend may be limited in total. */
export class TotalSpend1767225612823 implements MigrationInterface {
  name = 'TotalSpend1767225612823';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE governance.traffic_limits DROP CONSTRAINT traffic_limits_spend_period_check,
        ADD CONSTRAINT traffic_limits_spend_period_check CHECK (spend_period IN ('hour', 'day', 'week', 'month', 'total'))
    `);
  }

  async down(): Promise<void> {
    // Forward only: a limit in total may be set.
  }
}
