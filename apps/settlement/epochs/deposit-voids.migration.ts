import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A signed statement is voided too where its payer took back so much of the deposit that it cannot land. */
export class DepositVoids1767225613800 implements MigrationInterface {
  name = 'DepositVoids1767225613800';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.statements
        DROP CONSTRAINT statements_void_cause_check,
        ADD CONSTRAINT statements_void_cause_check CHECK (void_cause IN ('SANCTIONED', 'DELEGATE_LIMITED', 'DEPOSIT_INSUFFICIENT'));
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
