import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables of prices that operators compare with: each is kept, the last one counts. */
export class KeepBaselines1767225612720 implements MigrationInterface {
  name = 'KeepBaselines1767225612720';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: reports name the table that they used.
  }
}

const statements = [
  `CREATE TABLE billing.baseline_tables (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash text NOT NULL,
    content text NOT NULL,
    actor jsonb NOT NULL,
    put_at_ms bigint NOT NULL
  )`,
  'GRANT SELECT, INSERT ON billing.baseline_tables TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.baseline_tables FROM mizan_billing',
  'GRANT SELECT ON billing.baseline_tables TO mizan_verify',
];
