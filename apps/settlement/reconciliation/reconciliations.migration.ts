import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What comparing the chain with events, statements and books gave: a row for each time that something else differed. */
export class Reconciliations implements MigrationInterface {
  name = 'Reconciliations1767225612751';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE settlement.reconciliations (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        chain_id bigint NOT NULL,
        escrow text NOT NULL,
        -- The last comparison that gave this.
        block bigint NOT NULL,
        compared_at_ms bigint NOT NULL,
        -- The last block at which the chain's state and its events agreed; -1 before the first.
        agreed_block bigint NOT NULL,
        result jsonb NOT NULL
      );
      CREATE INDEX reconciliations_newest ON settlement.reconciliations (chain_id, escrow, number DESC);
      GRANT SELECT, INSERT, UPDATE (block, compared_at_ms, agreed_block, result) ON settlement.reconciliations TO mizan_settlement;
      GRANT SELECT ON settlement.reconciliations TO mizan_verify;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
