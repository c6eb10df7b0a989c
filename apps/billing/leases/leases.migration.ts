import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Budgets, leases with their fences, admissions. */
export class CreateLeases1767225600002 implements MigrationInterface {
  name = 'CreateLeases1767225600002';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.budgets (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    project uuid NOT NULL,
    limit_nanos bigint NOT NULL CHECK (limit_nanos >= 0),
    UNIQUE (tenant, project)
  )`,
  `CREATE TABLE billing.lease_fences (
    budget uuid NOT NULL,
    gateway text NOT NULL,
    tenant uuid NOT NULL,
    fence bigint NOT NULL,
    PRIMARY KEY (budget, gateway)
  )`,
  `CREATE TABLE billing.leases (
    id uuid PRIMARY KEY,
    budget uuid NOT NULL,
    tenant uuid NOT NULL,
    gateway text NOT NULL,
    fence bigint NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos >= 0),
    remaining_nanos bigint NOT NULL CHECK (remaining_nanos >= 0 AND remaining_nanos <= amount_nanos),
    returned_nanos bigint NOT NULL DEFAULT 0,
    state text NOT NULL CHECK (state IN ('open', 'closed')),
    granted_at_ms bigint NOT NULL,
    closes_at_ms bigint NOT NULL,
    closed_at_ms bigint,
    closed_reason text CHECK (closed_reason IN ('released', 'expired'))
  )`,
  `CREATE INDEX leases_open ON billing.leases (closes_at_ms) WHERE state = 'open'`,
  `CREATE INDEX leases_open_of_budget ON billing.leases (budget) WHERE state = 'open'`,
  `CREATE TABLE billing.admissions (
    record uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    project uuid NOT NULL,
    budget uuid NOT NULL,
    lease uuid NOT NULL,
    offer uuid NOT NULL,
    node uuid NOT NULL,
    price_version uuid NOT NULL,
    -- What only the admitted fact says; NULL while only the completed one has come.
    key_id uuid,
    gateway text,
    fence bigint,
    policy_version bigint,
    model text,
    endpoint text,
    data_class text,
    request_hash text,
    admitted_at_ms bigint,
    deadline_ms bigint,
    hold_nanos bigint NOT NULL DEFAULT 0 CHECK (hold_nanos >= 0),
    -- What a closed lease keeps for this record.
    kept_nanos bigint NOT NULL DEFAULT 0 CHECK (kept_nanos >= 0),
    state text NOT NULL CHECK (state IN ('open', 'closing', 'completed', 'voided')),
    closed_at_ms bigint
  )`,
  `CREATE INDEX admissions_open ON billing.admissions (deadline_ms) WHERE state = 'open'`,
  `CREATE INDEX admissions_open_of_lease ON billing.admissions (lease) WHERE state IN ('open', 'closing')`,
  ...['budgets', 'lease_fences', 'leases', 'admissions'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT, UPDATE ON billing.budgets, billing.lease_fences, billing.leases, billing.admissions TO mizan_billing',
  'GRANT SELECT ON ALL TABLES IN SCHEMA billing TO mizan_verify',
];
