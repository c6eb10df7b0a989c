import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Statements drawn from payables, and who pays on chain. */
export class CreatePayables1767225600005 implements MigrationInterface {
  name = 'CreatePayables1767225600005';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.statements (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    currency text NOT NULL,
    nanos_per_unit bigint NOT NULL CHECK (nanos_per_unit > 0),
    total_units numeric(39, 0) NOT NULL,
    cumulative_total_units numeric(39, 0) NOT NULL,
    state text NOT NULL CHECK (state IN ('drawn', 'settled')),
    drawn_at_ms bigint NOT NULL,
    settled_tx text,
    settled_at_ms bigint
  )`,
  // A tenant has one statement on its way at a time.
  `CREATE UNIQUE INDEX statements_unsettled ON billing.statements (tenant) WHERE state = 'drawn'`,
  `CREATE TABLE billing.statement_lines (
    statement uuid NOT NULL REFERENCES billing.statements (id),
    payee text NOT NULL,
    tenant uuid NOT NULL,
    units numeric(39, 0) NOT NULL CHECK (units > 0),
    cumulative_units numeric(39, 0) NOT NULL,
    PRIMARY KEY (statement, payee)
  )`,
  'CREATE INDEX statement_lines_of_payee ON billing.statement_lines (tenant, payee)',
  // Each charge is in one statement: that of the draw which took its amount.
  `CREATE TABLE billing.statement_charges (
    record uuid PRIMARY KEY,
    statement uuid NOT NULL REFERENCES billing.statements (id),
    tenant uuid NOT NULL
  )`,
  'CREATE INDEX statement_charges_of_statement ON billing.statement_charges (statement)',
  `CREATE TABLE billing.payers (
    payer text PRIMARY KEY CHECK (payer = lower(payer)),
    tenant uuid NOT NULL
  )`,
  ...['statements', 'statement_lines', 'statement_charges', 'payers'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT ON billing.statements, billing.statement_lines, billing.statement_charges, billing.payers TO mizan_billing',
  'GRANT UPDATE (state, settled_tx, settled_at_ms) ON billing.statements TO mizan_billing',
  'GRANT UPDATE (tenant) ON billing.payers TO mizan_billing',
  'GRANT SELECT ON ALL TABLES IN SCHEMA billing TO mizan_verify',
];
