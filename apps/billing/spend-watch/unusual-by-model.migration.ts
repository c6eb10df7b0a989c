import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Spend on one model is held against its own past, too. */
export class UnusualByModel1767225614200 implements MigrationInterface {
  name = 'UnusualByModel1767225614200';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE billing.unusual_spend ADD COLUMN model text');
    await queryRunner.query('DROP INDEX billing.unusual_spend_once');
    await queryRunner.query(`CREATE UNIQUE INDEX unusual_spend_once ON billing.unusual_spend (tenant, COALESCE(project, tenant), COALESCE(model, ''), "window", from_ms, direction)`);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
