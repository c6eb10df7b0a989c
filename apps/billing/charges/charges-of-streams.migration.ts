import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Streams may be cut after their first byte, and usage may be an estimate. */
export class ChargesOfStreams1767225600006 implements MigrationInterface {
  name = 'ChargesOfStreams1767225600006';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  'ALTER TABLE billing.charges DROP CONSTRAINT charges_outcome_check, DROP CONSTRAINT charges_usage_source_check',
  `ALTER TABLE billing.charges
    ADD CONSTRAINT charges_outcome_check CHECK (outcome IN ('ok', 'failed', 'cancelled', 'cut')),
    ADD CONSTRAINT charges_usage_source_check CHECK (usage_source IN ('engine', 'receipt', 'estimated', 'none'))`,
];
