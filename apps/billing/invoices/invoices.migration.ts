import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Who sells to whom, invoices and credit notes, their files, which charges are in which, and what was paid. */
export class CreateInvoices1767225611000 implements MigrationInterface {
  name = 'CreateInvoices1767225611000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE TABLE billing.sellers (id uuid PRIMARY KEY, details jsonb NOT NULL, prefix text NOT NULL UNIQUE)`,
  // Numbers without a gap: the row is locked by the transaction that gives one, and a rolled back one gives it back.
  `CREATE TABLE billing.invoice_series (
    seller uuid NOT NULL REFERENCES billing.sellers (id),
    kind text NOT NULL,
    year int NOT NULL,
    last int NOT NULL,
    PRIMARY KEY (seller, kind, year)
  )`,
  `CREATE TABLE billing.exchange_rates (
    currency text NOT NULL,
    valid_from_ms bigint NOT NULL,
    nanos_per_usd bigint NOT NULL CHECK (nanos_per_usd > 0),
    source text NOT NULL,
    PRIMARY KEY (currency, valid_from_ms)
  )`,
  `CREATE TABLE billing.buyers (tenant uuid PRIMARY KEY, seller uuid NOT NULL REFERENCES billing.sellers (id), details jsonb NOT NULL)`,
  `CREATE TABLE billing.invoices (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    seller uuid NOT NULL REFERENCES billing.sellers (id),
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    corrects uuid REFERENCES billing.invoices (id),
    period_from_ms bigint NOT NULL,
    period_to_ms bigint NOT NULL CHECK (period_to_ms > period_from_ms),
    issue_after_ms bigint NOT NULL,
    currency text NOT NULL,
    net_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    gross_minor bigint NOT NULL,
    paid_minor bigint NOT NULL DEFAULT 0,
    credited_minor bigint NOT NULL DEFAULT 0,
    number text,
    issued_at_ms bigint,
    document text,
    document_hash text,
    CHECK ((number IS NULL) = (document IS NULL) AND (number IS NULL) = (issued_at_ms IS NULL) AND (number IS NULL) = (document_hash IS NULL)),
    CHECK (kind <> 'invoice' OR number IS NULL OR (paid_minor >= 0 AND credited_minor >= 0 AND paid_minor + credited_minor <= gross_minor))
  )`,
  `CREATE UNIQUE INDEX invoices_of_period ON billing.invoices (tenant, period_from_ms, period_to_ms) WHERE kind = 'invoice'`,
  'CREATE UNIQUE INDEX invoices_by_number ON billing.invoices (seller, number)',
  `CREATE INDEX invoices_unpaid ON billing.invoices (tenant, issued_at_ms) WHERE kind = 'invoice' AND number IS NOT NULL AND paid_minor + credited_minor < gross_minor`,
  `CREATE INDEX invoice_drafts ON billing.invoices (issue_after_ms) WHERE number IS NULL`,
  `CREATE FUNCTION billing.keep_issued() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF OLD.number IS NOT NULL AND (OLD.number, OLD.document, OLD.document_hash, OLD.issued_at_ms, OLD.currency, OLD.net_minor, OLD.tax_minor, OLD.gross_minor)
      IS DISTINCT FROM (NEW.number, NEW.document, NEW.document_hash, NEW.issued_at_ms, NEW.currency, NEW.net_minor, NEW.tax_minor, NEW.gross_minor) THEN
      RAISE EXCEPTION 'an issued invoice does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
  END $$`,
  'CREATE TRIGGER invoices_keep_issued BEFORE UPDATE ON billing.invoices FOR EACH ROW EXECUTE FUNCTION billing.keep_issued()',
  `CREATE TABLE billing.invoice_files (
    invoice uuid NOT NULL REFERENCES billing.invoices (id),
    kind text NOT NULL CHECK (kind IN ('pdf', 'ubl')),
    tenant uuid NOT NULL,
    bytes bytea NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (invoice, kind)
  )`,
  // Each charge is in one invoice.
  `CREATE TABLE billing.invoiced_charges (
    record uuid PRIMARY KEY,
    invoice uuid NOT NULL REFERENCES billing.invoices (id),
    tenant uuid NOT NULL
  )`,
  'CREATE INDEX invoiced_charges_of_invoice ON billing.invoiced_charges (invoice)',
  `CREATE TABLE billing.invoice_payments (
    id uuid PRIMARY KEY,
    invoice uuid NOT NULL REFERENCES billing.invoices (id),
    tenant uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    source text NOT NULL CHECK (source IN ('chain', 'hand')),
    reference text NOT NULL,
    -- Of a settled statement: how many of its nano-dollars this took.
    statement uuid,
    usd_nanos bigint,
    paid_at_ms bigint NOT NULL
  )`,
  'CREATE INDEX invoice_payments_of_invoice ON billing.invoice_payments (invoice)',
  'CREATE INDEX invoice_payments_of_statement ON billing.invoice_payments (statement)',
  ...['buyers', 'invoices', 'invoice_files', 'invoiced_charges', 'invoice_payments'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT ON billing.sellers, billing.invoice_series, billing.exchange_rates, billing.buyers, billing.invoices, billing.invoice_files, billing.invoiced_charges, billing.invoice_payments TO mizan_billing',
  'GRANT UPDATE (details, prefix) ON billing.sellers TO mizan_billing',
  'GRANT UPDATE (seller, details) ON billing.buyers TO mizan_billing',
  'GRANT UPDATE (last) ON billing.invoice_series TO mizan_billing',
  'GRANT UPDATE (seller, currency, net_minor, tax_minor, gross_minor, paid_minor, credited_minor, number, issued_at_ms, document, document_hash) ON billing.invoices TO mizan_billing',
  'GRANT SELECT ON ALL TABLES IN SCHEMA billing TO mizan_verify',
];
