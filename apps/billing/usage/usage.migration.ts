import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';
import { countUsage } from './usage-statement.js';

/** What was used each hour, by project, key, model and cost tags; counted from the charges that are there already. */
export class CountUsage1767225600008 implements MigrationInterface {
  name = 'CountUsage1767225600008';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `ALTER TABLE billing.admissions ADD COLUMN cost_tags text[] NOT NULL DEFAULT '{}'`,
  `CREATE TABLE billing.usage_hours (
    tenant uuid NOT NULL,
    hour_ms bigint NOT NULL,
    project uuid NOT NULL,
    -- Zeros and empty while only the end of a request has come.
    key_id uuid NOT NULL,
    model text NOT NULL,
    endpoint text NOT NULL,
    tags text[] NOT NULL,
    requests bigint NOT NULL,
    input_tokens numeric(39, 0) NOT NULL,
    output_tokens numeric(39, 0) NOT NULL,
    amount_nanos numeric(39, 0) NOT NULL,
    PRIMARY KEY (tenant, hour_ms, project, key_id, model, endpoint, tags)
  ) WITH (fillfactor = 70)`,
  'CREATE INDEX charges_of_tenant_by_time ON billing.charges (tenant, charged_at_ms)',
  tenantPolicy('billing', 'usage_hours'),
  'GRANT SELECT, INSERT ON billing.usage_hours TO mizan_billing',
  'GRANT UPDATE (requests, input_tokens, output_tokens, amount_nanos) ON billing.usage_hours TO mizan_billing',
  'GRANT SELECT ON billing.usage_hours TO mizan_verify',
  `SELECT set_config('app.tenant', '*', true)`,
  countUsage('SELECT record, false AS learnt FROM billing.charges', 'tenant, hour_ms, project, key_id, model, endpoint, tags'),
];
