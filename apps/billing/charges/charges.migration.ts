import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Charges, receipts, and what was odd about them. */
export class CreateCharges1767225600004 implements MigrationInterface {
  name = 'CreateCharges1767225600004';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.charges (
    record uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    project uuid NOT NULL,
    budget uuid NOT NULL,
    lease uuid NOT NULL,
    node uuid NOT NULL,
    offer uuid NOT NULL,
    price_version uuid NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('ok', 'failed', 'cancelled')),
    usage_source text NOT NULL CHECK (usage_source IN ('engine', 'receipt', 'none')),
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    amount_nanos bigint NOT NULL CHECK (amount_nanos >= 0),
    response_hash text,
    -- Which log entry of the record it follows from.
    record_type text NOT NULL CHECK (record_type IN ('completed', 'voided')),
    closed_by text NOT NULL CHECK (closed_by IN ('gateway', 'billing')),
    input_hash text NOT NULL,
    charged_at_ms bigint NOT NULL
  )`,
  'CREATE INDEX charges_of_tenant ON billing.charges (tenant, record)',
  `CREATE TABLE billing.receipts (
    record uuid NOT NULL,
    node uuid NOT NULL,
    -- SHA-256 of the signed bytes: what a node signs first must not keep out what it signs later.
    digest text NOT NULL,
    offer uuid NOT NULL,
    -- Known once it is matched.
    tenant uuid,
    bytes text NOT NULL,
    signature text NOT NULL,
    model text NOT NULL,
    endpoint text NOT NULL,
    request_hash text NOT NULL,
    response_hash text NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    ended_at_ms bigint NOT NULL,
    state text NOT NULL DEFAULT 'claim' CHECK (state IN ('unverified', 'claim', 'matched')),
    -- Why a claim is one.
    reason text DEFAULT 'no_charge',
    received_at_ms bigint NOT NULL,
    PRIMARY KEY (record, node, digest)
  )`,
  `CREATE INDEX receipts_unmatched ON billing.receipts (record) WHERE state <> 'matched'`,
  `CREATE TABLE billing.anomalies (
    kind text NOT NULL,
    subject text NOT NULL,
    tenant text NOT NULL,
    detail jsonb NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, subject)
  )`,
  ...['charges', 'receipts', 'anomalies'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT ON billing.charges, billing.receipts, billing.anomalies TO mizan_billing',
  'GRANT UPDATE (state, reason, tenant) ON billing.receipts TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.charges FROM mizan_billing',
  'GRANT SELECT ON ALL TABLES IN SCHEMA billing TO mizan_verify',
];
