import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Earnings that are kept back until work is verified, what was verified, and what tenants are credited or charged beside usage. */
export class HoldBack1767225612821 implements MigrationInterface {
  name = 'HoldBack1767225612821';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.holdback_rules (
    target text PRIMARY KEY,
    basis_points integer NOT NULL CHECK (basis_points BETWEEN 0 AND 10000),
    hold_ms bigint NOT NULL CHECK (hold_ms > 0),
    changed_at_ms bigint NOT NULL
  )`,
  `CREATE TABLE billing.holdbacks (
    record uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    node uuid NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos > 0),
    state text NOT NULL CHECK (state IN ('held', 'released', 'forfeited')),
    release_at_ms bigint NOT NULL,
    ended_at_ms bigint,
    -- Of a forfeited one: all but what owners of data have of the charge.
    forfeited_nanos bigint NOT NULL DEFAULT 0 CHECK (forfeited_nanos BETWEEN 0 AND amount_nanos),
    reason text,
    CHECK ((state = 'held') = (ended_at_ms IS NULL))
  ) WITH (fillfactor = 80)`,
  `CREATE INDEX holdbacks_held ON billing.holdbacks (release_at_ms) WHERE state = 'held'`,
  `CREATE INDEX holdbacks_of_node ON billing.holdbacks (node) WHERE state <> 'released'`,
  `CREATE TABLE billing.verdicts (
    record uuid NOT NULL,
    node uuid NOT NULL,
    passed boolean NOT NULL,
    reason text NOT NULL,
    actor jsonb,
    decided_at_ms bigint NOT NULL,
    PRIMARY KEY (record, node)
  )`,
  // Posted when they are made; in an invoice like usage, each in one.
  `CREATE TABLE billing.adjustments (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    amount_nanos bigint NOT NULL CHECK (amount_nanos < 0),
    -- The request that it is about.
    record uuid NOT NULL,
    name text NOT NULL,
    detail text NOT NULL,
    made_at_ms bigint NOT NULL
  )`,
  'CREATE INDEX adjustments_of_tenant ON billing.adjustments (tenant, made_at_ms)',
  'CREATE TABLE billing.invoiced_adjustments (adjustment uuid PRIMARY KEY, invoice uuid NOT NULL, tenant uuid NOT NULL)',
  'CREATE INDEX invoiced_adjustments_of_invoice ON billing.invoiced_adjustments (invoice)',
  ...['holdbacks', 'adjustments', 'invoiced_adjustments'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT, UPDATE ON billing.holdback_rules TO mizan_billing',
  'GRANT SELECT, INSERT ON billing.holdbacks, billing.verdicts, billing.adjustments, billing.invoiced_adjustments TO mizan_billing',
  'GRANT UPDATE (state, ended_at_ms, forfeited_nanos, reason) ON billing.holdbacks TO mizan_billing',
  'GRANT SELECT ON billing.holdback_rules, billing.holdbacks, billing.verdicts, billing.adjustments, billing.invoiced_adjustments TO mizan_verify',
];
