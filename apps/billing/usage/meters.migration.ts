import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What is measured beside tokens: its prices, what charges and receipts have of it, and its sums by the hour. */
export class Meters1767225612870 implements MigrationInterface {
  name = 'Meters1767225612870';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  // By meter: nanos as text in prices, integers in usage. NULL: none.
  `ALTER TABLE billing.prices ADD COLUMN meters jsonb CHECK (jsonb_typeof(meters) = 'object'), ADD COLUMN ask_meters jsonb CHECK (ask_meters IS NULL OR book IS NOT NULL)`,
  `ALTER TABLE billing.charges ADD COLUMN meters jsonb CHECK (jsonb_typeof(meters) = 'object')`,
  'ALTER TABLE billing.receipts ADD COLUMN meters jsonb',
  `CREATE TABLE billing.usage_meters (
    tenant uuid NOT NULL,
    hour_ms bigint NOT NULL,
    project uuid NOT NULL,
    key_id uuid NOT NULL,
    model text NOT NULL,
    endpoint text NOT NULL,
    tags text[] NOT NULL,
    meter text NOT NULL,
    quantity numeric(39, 0) NOT NULL,
    PRIMARY KEY (tenant, hour_ms, project, key_id, model, endpoint, tags, meter)
  ) WITH (fillfactor = 70)`,
  tenantPolicy('billing', 'usage_meters'),
  'GRANT SELECT, INSERT ON billing.usage_meters TO mizan_billing',
  'GRANT UPDATE (quantity) ON billing.usage_meters TO mizan_billing',
  'GRANT SELECT ON billing.usage_meters TO mizan_verify',
];
