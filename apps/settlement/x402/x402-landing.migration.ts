import type { MigrationInterface, QueryRunner } from 'typeorm';

/** From where on the chain is searched for a payment that somebody else sent, and how far it was. */
export class X402Landing1767225613200 implements MigrationInterface {
  name = 'X402Landing1767225613200';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.x402_payments
        -- The newest block when the payment was set aside; null of those from before this was kept.
        ADD COLUMN from_block bigint,
        -- The last final block that was searched.
        ADD COLUMN searched_to bigint,
        -- When its end was looked for last.
        ADD COLUMN looked_at timestamptz;
      CREATE INDEX x402_payments_collecting ON settlement.x402_payments (looked_at NULLS FIRST, id) WHERE state = 'collecting';
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
