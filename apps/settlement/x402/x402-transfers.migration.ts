import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which transfer paid a payment: none pays two. */
export class X402Transfers1767225614301 implements MigrationInterface {
  name = 'X402Transfers1767225614301';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.x402_payments
        ADD COLUMN paid_tx text,
        ADD COLUMN paid_log integer,
        -- Null of payments from before this was kept.
        ADD COLUMN paid_block bigint;
      CREATE UNIQUE INDEX x402_payments_paid_by ON settlement.x402_payments (paid_tx, paid_log) WHERE state <> 'failed';
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
