import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Of which place the payer of each payment was taken to be. */
export class X402Jurisdictions1767225613201 implements MigrationInterface {
  name = 'X402Jurisdictions1767225613201';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- By the operator's setting when it was set aside; null where none was needed, and of those from before this was kept.
      ALTER TABLE settlement.x402_payments ADD COLUMN jurisdiction text;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
