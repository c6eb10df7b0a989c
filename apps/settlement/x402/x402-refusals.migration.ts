import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Whose payments by x402 were refused for a list of sanctions, on which day: the log says so once. */
export class X402Refusals1767225612841 implements MigrationInterface {
  name = 'X402Refusals1767225612841';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE settlement.x402_refusals (
        -- EIP-55.
        listed text NOT NULL,
        -- Days since 1970, in UTC.
        day integer NOT NULL,
        first_at_ms bigint NOT NULL,
        PRIMARY KEY (listed, day)
      );
      GRANT SELECT, INSERT ON settlement.x402_refusals TO mizan_settlement;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
