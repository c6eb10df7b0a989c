import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which deposits were taken off the books again, for the chain took back their blocks and never had them since. */
export class DepositReversals1767225612910 implements MigrationInterface {
  name = 'DepositReversals1767225612910';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.chain_events
        -- The final block at which it was noticed that the event's block is gone.
        ADD COLUMN gone_at_block bigint,
        -- Where it stood when the books were told, as JSON of a position; null: where it stands.
        ADD COLUMN told_at jsonb,
        ADD COLUMN reversed_at timestamptz CHECK (reversed_at IS NULL OR (taken_back_at IS NOT NULL AND name = 'Deposited')),
        -- How often the books were told that it is gone.
        ADD COLUMN reversals integer NOT NULL DEFAULT 0;
      GRANT UPDATE (gone_at_block, told_at, reversed_at, reversals) ON settlement.chain_events TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
