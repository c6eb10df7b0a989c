import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a payment was above what was due stands to the buyer's credit; one of an invoice that nothing is due of does so whole. */
export class Overpayments1767225614421 implements MigrationInterface {
  name = 'Overpayments1767225614421';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE billing.invoice_payments ADD COLUMN excess_minor bigint NOT NULL DEFAULT 0 CHECK (excess_minor >= 0)');
    await queryRunner.query('ALTER TABLE billing.invoice_payments DROP CONSTRAINT invoice_payments_amount_minor_check');
    await queryRunner.query('ALTER TABLE billing.invoice_payments ADD CONSTRAINT invoice_payments_amount_minor_check CHECK (amount_minor >= 0 AND amount_minor + excess_minor > 0)');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
