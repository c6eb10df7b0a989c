import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a payee signed that it disputes a line: the same signature, sent again, opens nothing anew. */
export class DisputeProofs1767225612840 implements MigrationInterface {
  name = 'DisputeProofs1767225612840';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.payout_disputes ADD COLUMN signed_at_ms bigint;
      CREATE UNIQUE INDEX payout_disputes_signed ON settlement.payout_disputes (statement, payee, signed_at_ms) WHERE signed_at_ms IS NOT NULL;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
