import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An answer that is given again has a charge of its own. */
export class ReusedAnswers1767225613900 implements MigrationInterface {
  name = 'ReusedAnswers1767225613900';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE billing.charges DROP CONSTRAINT charges_outcome_check, ADD CONSTRAINT charges_outcome_check CHECK (outcome IN ('ok', 'failed', 'cancelled', 'cut', 'reused'))`);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
