import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What was paid may be credited afterwards, and is the buyer's then; payments may turn out to be none; balances are paid back. */
export class CreditBalances1767225613300 implements MigrationInterface {
  name = 'CreditBalances1767225613300';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  'ALTER TABLE billing.invoices ADD COLUMN returned_minor bigint NOT NULL DEFAULT 0',
  `DO $$ DECLARE rule text; BEGIN
    SELECT conname INTO STRICT rule FROM pg_constraint WHERE conrelid = 'billing.invoices'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE '%credited_minor%';
    EXECUTE format('ALTER TABLE billing.invoices DROP CONSTRAINT %I', rule);
  END $$`,
  `ALTER TABLE billing.invoices ADD CONSTRAINT invoices_within_gross CHECK (kind <> 'invoice' OR number IS NULL
     OR (paid_minor >= 0 AND returned_minor >= 0 AND credited_minor >= 0 AND credited_minor <= gross_minor AND paid_minor + credited_minor - returned_minor <= gross_minor))`,
  'DROP INDEX billing.invoices_unpaid',
  `CREATE INDEX invoices_unpaid ON billing.invoices (tenant, issued_at_ms) WHERE kind = 'invoice' AND number IS NOT NULL AND paid_minor + credited_minor - returned_minor < gross_minor`,
  'ALTER TABLE billing.invoice_payments ADD COLUMN reversal uuid UNIQUE, ADD COLUMN reversal_reason text, ADD COLUMN reversed_at_ms bigint',
  'ALTER TABLE billing.invoice_payments ADD CHECK ((reversal IS NULL) = (reversal_reason IS NULL) AND (reversal IS NULL) = (reversed_at_ms IS NULL))',
  'ALTER TABLE billing.invoice_payments DROP CONSTRAINT invoice_payments_source_check',
  `ALTER TABLE billing.invoice_payments ADD CONSTRAINT invoice_payments_source_check CHECK (source IN ('chain', 'hand', 'balance'))`,
  `CREATE TABLE billing.refunds (
    id uuid PRIMARY KEY,
    tenant uuid NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    reason text NOT NULL,
    input_hash text NOT NULL,
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'paid', 'voided')),
    requested_at_ms bigint NOT NULL,
    reference text,
    paid_at_ms bigint,
    CHECK ((state = 'paid') = (reference IS NOT NULL) AND (state = 'paid') = (paid_at_ms IS NOT NULL))
  )`,
  tenantPolicy('billing', 'refunds'),
  'GRANT SELECT, INSERT ON billing.refunds TO mizan_billing',
  'GRANT UPDATE (state, reference, paid_at_ms) ON billing.refunds TO mizan_billing',
  'GRANT UPDATE (returned_minor) ON billing.invoices TO mizan_billing',
  'GRANT UPDATE (reversal, reversal_reason, reversed_at_ms) ON billing.invoice_payments TO mizan_billing',
  'GRANT SELECT ON billing.refunds TO mizan_verify',
];
