import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What requests really used, where that is not what was charged; an adjustment may be a further charge as well as a credit. */
export class CorrectUsage1767225613402 implements MigrationInterface {
  name = 'CorrectUsage1767225613402';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.corrections (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    record uuid NOT NULL REFERENCES billing.charges (record),
    -- All that the request used, as it is known now.
    usage jsonb NOT NULL,
    -- By what it differs from what was known before.
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    meters jsonb NOT NULL,
    amount_nanos bigint NOT NULL,
    reason text NOT NULL,
    input_hash text NOT NULL,
    made_by uuid,
    made_at_ms bigint NOT NULL,
    -- The order in which a record was corrected.
    number bigint GENERATED ALWAYS AS IDENTITY
  )`,
  'CREATE INDEX corrections_of_record ON billing.corrections (record, number)',
  'CREATE INDEX corrections_of_tenant ON billing.corrections (tenant, id)',
  tenantPolicy('billing', 'corrections'),
  'GRANT SELECT, INSERT ON billing.corrections TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.corrections FROM mizan_billing',
  'GRANT SELECT ON billing.corrections TO mizan_verify',
  'ALTER TABLE billing.adjustments DROP CONSTRAINT adjustments_amount_nanos_check, ADD CHECK (amount_nanos <> 0)',
  'CREATE INDEX adjustments_of_record ON billing.adjustments (record)',
];
