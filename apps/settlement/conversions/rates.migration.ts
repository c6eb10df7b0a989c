import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Statements say at which rate dollars became tokens. */
export class RatesOfStatements1767225612771 implements MigrationInterface {
  name = 'RatesOfStatements1767225612771';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- As billing booked it: {nanos, units, source, readAtMs}. Null in statements of before there were rates: a dollar token at par.
      ALTER TABLE settlement.statements ADD COLUMN rate jsonb;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
