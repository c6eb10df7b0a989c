import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By which block the chain is known again, and which events were in a final block and are in none now. */
export class FinalityBreaks1767225612835 implements MigrationInterface {
  name = 'FinalityBreaks1767225612835';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      -- The hash of the last block that was read; null until one was.
      ALTER TABLE settlement.cursors ADD COLUMN last_hash text;
      -- Since when the event's block is no part of the chain any more; null: it stands. One that comes into another block takes that block's place.
      ALTER TABLE settlement.chain_events ADD COLUMN taken_back_at timestamptz;
      CREATE INDEX chain_events_taken_back ON settlement.chain_events (payer) WHERE taken_back_at IS NOT NULL;
      CREATE INDEX chain_events_block ON settlement.chain_events (block_number);
      GRANT UPDATE (taken_back_at, tx, block_hash, block_number, log_index) ON settlement.chain_events TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
