import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A draw of which nothing was signed may be taken back: its lines go, the ledger keeps both transfers. */
export class TakeBackDraws1767225612842 implements MigrationInterface {
  name = 'TakeBackDraws1767225612842';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('GRANT DELETE ON billing.statements, billing.statement_lines, billing.statement_charges TO mizan_billing');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
