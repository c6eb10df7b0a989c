import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where payers are established, deposits that do not count, and waivers of screening. */
export class PayerAdmission1767225612773 implements MigrationInterface {
  name = 'PayerAdmission1767225612773';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- ISO 3166-1 alpha-2.
      ALTER TABLE settlement.payers ADD COLUMN jurisdiction text;
      -- Why a movement of a deposit is not told to the books; it is when this is null again.
      ALTER TABLE settlement.chain_events ADD COLUMN held text;
      CREATE INDEX chain_events_held ON settlement.chain_events (payer) WHERE held IS NOT NULL;
      GRANT UPDATE (held) ON settlement.chain_events TO mizan_settlement;

      CREATE TABLE settlement.screening_waivers (
        hash text PRIMARY KEY,
        waiver text NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now()
      );
      GRANT SELECT, INSERT ON settlement.screening_waivers TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
