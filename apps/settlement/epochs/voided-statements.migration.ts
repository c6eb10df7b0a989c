import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Signed statements that did not land and may not: an empty one of a higher epoch takes the place of each, and when that is final the draw is taken back. */
export class VoidedStatements1767225612860 implements MigrationInterface {
  name = 'VoidedStatements1767225612860';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.statements
        ADD COLUMN void_epoch bigint,
        ADD COLUMN void_transaction uuid REFERENCES settlement.transactions (id),
        ADD COLUMN voided_tx text,
        ADD CHECK ((void_epoch IS NULL) = (void_transaction IS NULL)),
        ADD CHECK (voided_tx IS NULL OR (void_epoch > signed_epoch AND taken_back_at IS NOT NULL));
      -- The rule of before, that nothing which was signed is taken back, under whatever name it was given.
      DO $$
      DECLARE old text := (SELECT conname FROM pg_constraint WHERE conrelid = 'settlement.statements'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%taken_back_at IS NULL%signature IS NULL%');
      BEGIN
        EXECUTE format('ALTER TABLE settlement.statements DROP CONSTRAINT %I', old);
      END $$;
      ALTER TABLE settlement.statements ADD CHECK (taken_back_at IS NULL OR (settled_tx IS NULL AND (signature IS NULL OR voided_tx IS NOT NULL)));
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
