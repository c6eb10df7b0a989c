import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Statements that a delegate signed for its payer: whose signature it is, whether more was due than a delegate may credit at a time, and why one was voided. */
export class DelegatedStatements1767225612880 implements MigrationInterface {
  name = 'DelegatedStatements1767225612880';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.statements
        ADD COLUMN delegate text,
        ADD COLUMN is_capped boolean NOT NULL DEFAULT false,
        ADD COLUMN void_cause text CHECK (void_cause IN ('SANCTIONED', 'DELEGATE_LIMITED')),
        ADD CHECK (delegate IS NULL OR signature IS NOT NULL),
        ADD CHECK (void_cause IS NULL OR void_epoch IS NOT NULL);
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
