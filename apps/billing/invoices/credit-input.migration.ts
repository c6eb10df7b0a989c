import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a credit note was asked for with: the same id with anything else is a conflict. `null` for invoices, and for notes from before. */
export class CreditInput1767225612950 implements MigrationInterface {
  name = 'CreditInput1767225612950';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE billing.invoices ADD COLUMN input_hash text');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
