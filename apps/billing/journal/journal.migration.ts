import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Rules of accounts, which the database itself keeps, and transfers in two phases. */
export class KeepJournal1767225612846 implements MigrationInterface {
  name = 'KeepJournal1767225612846';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `ALTER TABLE billing.accounts ADD COLUMN balance_least numeric(39, 0), ADD COLUMN balance_most numeric(39, 0), ADD COLUMN closed boolean NOT NULL DEFAULT false,
     ADD COLUMN reserved_debit numeric(39, 0) NOT NULL DEFAULT 0 CHECK (reserved_debit >= 0), ADD COLUMN reserved_credit numeric(39, 0) NOT NULL DEFAULT 0 CHECK (reserved_credit >= 0),
     ADD CONSTRAINT accounts_within_rules CHECK (balance - reserved_credit >= balance_least AND balance + reserved_debit <= balance_most)`,
  'GRANT UPDATE (balance_least, balance_most, closed, reserved_debit, reserved_credit) ON billing.accounts TO mizan_billing',
  // What was given or is kept back is never more than used up.
  `UPDATE billing.accounts SET balance_most = 0 WHERE kind IN ('granted', 'held')`,
  // The same checks as before; an account that is closed takes nothing.
  `CREATE OR REPLACE FUNCTION billing.check_postings() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT 1 FROM added GROUP BY transfer, currency HAVING sum(amount) <> 0) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM (SELECT transfer, count(*) AS lines FROM added GROUP BY transfer) a
               WHERE a.lines <> (SELECT count(*) FROM billing.postings p WHERE p.transfer = a.transfer)
                  OR (SELECT t.id FROM billing.transfers t WHERE t.id = a.transfer) IS NULL) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer is posted whole and once' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT account, currency FROM added) a
               WHERE (SELECT c.currency FROM billing.accounts c WHERE c.id = a.account AND NOT c.closed) IS DISTINCT FROM a.currency) THEN
      IF EXISTS (SELECT 1 FROM added a JOIN billing.accounts c ON c.id = a.account WHERE c.closed) THEN
        RAISE EXCEPTION 'ACCOUNT_CLOSED: %', (SELECT min(c.code) FROM added a JOIN billing.accounts c ON c.id = a.account WHERE c.closed) USING ERRCODE = 'check_violation';
      END IF;
      RAISE EXCEPTION 'LEDGER_UNBALANCED: an account is unknown or of another currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TABLE billing.reservations (
    id uuid PRIMARY KEY,
    tenant text NOT NULL DEFAULT 'operator',
    note text NOT NULL,
    currency text NOT NULL,
    -- [{debit, credit, amountNanos}], amounts as text.
    legs jsonb NOT NULL,
    hash text NOT NULL,
    expires_at_ms bigint NOT NULL,
    reserved_by uuid NOT NULL,
    reserved_at_ms bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
    posted jsonb,
    ended_by uuid,
    ended_at_ms bigint,
    CHECK ((state = 'pending') = (ended_at_ms IS NULL)),
    CHECK ((state = 'posted') = (posted IS NOT NULL)),
    -- Two persons, always.
    CHECK (state <> 'posted' OR ended_by <> reserved_by)
  )`,
  `CREATE INDEX reservations_pending ON billing.reservations (expires_at_ms) WHERE state = 'pending'`,
  tenantPolicy('billing', 'reservations'),
  'GRANT SELECT, INSERT ON billing.reservations TO mizan_billing',
  'GRANT UPDATE (state, posted, ended_by, ended_at_ms) ON billing.reservations TO mizan_billing',
  'GRANT SELECT ON billing.reservations TO mizan_verify',
];
