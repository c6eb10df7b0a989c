import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Statements keep the rate that they were drawn at, and each line what of the debt it pays. */
export class RatesOfStatements1767225612770 implements MigrationInterface {
  name = 'RatesOfStatements1767225612770';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      SELECT set_config('app.tenant', '*', true);
      ALTER TABLE billing.statements ADD COLUMN rate jsonb;
      UPDATE billing.statements SET rate = jsonb_build_object('nanos', nanos_per_unit::text, 'units', '1', 'readAtMs', drawn_at_ms,
        'source', jsonb_build_object('kind', 'fixed', 'usdPerToken', '1', 'reason', 'a dollar token at par', 'date', NULL));
      ALTER TABLE billing.statements ALTER COLUMN rate SET NOT NULL;
      ALTER TABLE billing.statement_lines ADD COLUMN nanos numeric(39, 0) CHECK (nanos > 0);
      UPDATE billing.statement_lines l SET nanos = l.units * s.nanos_per_unit FROM billing.statements s WHERE s.id = l.statement;
      ALTER TABLE billing.statement_lines ALTER COLUMN nanos SET NOT NULL;
      -- The rate says it.
      ALTER TABLE billing.statements DROP COLUMN nanos_per_unit;
    `);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
