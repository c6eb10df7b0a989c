import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each transaction costs in gas, so that a day's cost has a limit. */
export class LimitGasSpend implements MigrationInterface {
  name = 'LimitGasSpend1767225612450';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.transactions
        -- Gas limit × fee limit of the newest bytes, and what was paid once mined; wei.
        ADD COLUMN gas_wei_bound numeric(39),
        ADD COLUMN gas_wei_spent numeric(39),
        ADD COLUMN signed_at timestamptz;
      CREATE INDEX transactions_signed ON settlement.transactions (chain_id, sender, signed_at);
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
