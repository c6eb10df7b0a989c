import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What organisations have agreed to beside prices, credits that they were given, and what either did in invoices. */
export class Agree1767225612845 implements MigrationInterface {
  name = 'Agree1767225612845';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.agreements (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    note text NOT NULL,
    asked_from_ms bigint NOT NULL,
    -- As canonical JSON has it, amounts as text.
    terms jsonb NOT NULL,
    hash text NOT NULL,
    proposed_by uuid NOT NULL,
    proposed_at_ms bigint NOT NULL,
    approved_by uuid,
    approved_at_ms bigint,
    effective_from_ms bigint,
    CHECK (approved_by <> proposed_by),
    CHECK ((approved_by IS NULL) = (effective_from_ms IS NULL)),
    -- A month that has begun keeps its terms.
    CHECK (effective_from_ms >= approved_at_ms)
  )`,
  'CREATE INDEX agreements_in_force ON billing.agreements (tenant, effective_from_ms DESC, approved_at_ms DESC) WHERE approved_by IS NOT NULL',
  'CREATE INDEX agreements_of_tenant ON billing.agreements (tenant, id)',
  `CREATE TABLE billing.credits (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    name text NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos > 0),
    valid_from_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL CHECK (expires_at_ms > valid_from_ms),
    lapses_at_ms bigint NOT NULL CHECK (lapses_at_ms > expires_at_ms),
    granted_by uuid,
    granted_at_ms bigint NOT NULL,
    used_nanos bigint NOT NULL DEFAULT 0 CHECK (used_nanos >= 0),
    lapsed_nanos bigint NOT NULL DEFAULT 0 CHECK (lapsed_nanos >= 0),
    CHECK (used_nanos + lapsed_nanos <= amount_nanos)
  )`,
  'CREATE INDEX credits_of_tenant ON billing.credits (tenant, id)',
  'CREATE INDEX credits_left ON billing.credits (lapses_at_ms) WHERE used_nanos + lapsed_nanos < amount_nanos',
  // What an issued invoice says beside usage. The row `usage` is no line: what the tiers counted of its month.
  `CREATE TABLE billing.invoiced_terms (
    invoice uuid NOT NULL,
    line smallint NOT NULL,
    tenant uuid NOT NULL,
    month_ms bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('usage', 'discount', 'minimum', 'fee', 'granted')),
    name text NOT NULL,
    detail text NOT NULL,
    amount_nanos bigint NOT NULL,
    credit uuid REFERENCES billing.credits (id),
    CHECK ((kind = 'granted') = (credit IS NOT NULL)),
    PRIMARY KEY (invoice, line)
  )`,
  'CREATE INDEX invoiced_terms_of_month ON billing.invoiced_terms (tenant, month_ms)',
  ...['agreements', 'credits', 'invoiced_terms'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT ON billing.agreements, billing.credits, billing.invoiced_terms TO mizan_billing',
  'GRANT UPDATE (approved_by, approved_at_ms, effective_from_ms) ON billing.agreements TO mizan_billing',
  'GRANT UPDATE (used_nanos, lapsed_nanos) ON billing.credits TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.invoiced_terms FROM mizan_billing',
  'GRANT SELECT ON billing.agreements, billing.credits, billing.invoiced_terms TO mizan_verify',
];
