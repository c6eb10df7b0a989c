import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A close counts what was found of unusual spend; those of before have what was found by then. */
export class CountUnusualSpend1767225613400 implements MigrationInterface {
  name = 'CountUnusualSpend1767225613400';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  'ALTER TABLE billing.closes ADD COLUMN unusual_spend bigint NOT NULL DEFAULT 0',
  `SELECT set_config('app.tenant', '*', true)`,
  'UPDATE billing.closes c SET unusual_spend = (SELECT count(*) FROM billing.unusual_spend u WHERE u.found_at_ms <= c.closed_at_ms)',
];
