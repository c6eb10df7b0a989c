import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inboxTable, outboxTable } from '#messaging';
import { tenantPolicy } from '#service';

/** Accounts, transfers, postings; the database itself refuses what does not balance. */
export class CreateLedger1767225600001 implements MigrationInterface {
  name = 'CreateLedger1767225600001';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  outboxTable('billing'),
  inboxTable('billing'),
  `CREATE TABLE billing.accounts (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    tenant text NOT NULL,
    balance numeric(39, 0) NOT NULL DEFAULT 0,
    UNIQUE (code, currency)
  )`,
  'CREATE INDEX accounts_by_kind ON billing.accounts (kind, tenant)',
  `CREATE TABLE billing.transfers (
    id uuid PRIMARY KEY,
    code text NOT NULL,
    tenant text NOT NULL,
    input_hash text NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT now()
  )`,
  `CREATE TABLE billing.postings (
    transfer uuid NOT NULL,
    line smallint NOT NULL,
    account uuid NOT NULL,
    currency text NOT NULL,
    tenant text NOT NULL,
    amount bigint NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (transfer, line)
  )`,
  'CREATE INDEX postings_by_account ON billing.postings (account)',
  // Set-based, once per inserting statement: every transfer balances in each currency, is posted whole, on accounts of its currency.
  `CREATE FUNCTION billing.check_postings() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF EXISTS (SELECT 1 FROM added GROUP BY transfer, currency HAVING sum(amount) <> 0) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM (SELECT transfer, count(*) AS lines FROM added GROUP BY transfer) a
               WHERE a.lines <> (SELECT count(*) FROM billing.postings p WHERE p.transfer = a.transfer)
                  OR NOT EXISTS (SELECT 1 FROM billing.transfers t WHERE t.id = a.transfer)) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer is posted whole and once' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT 1 FROM (SELECT DISTINCT account, currency FROM added) a
               WHERE NOT EXISTS (SELECT 1 FROM billing.accounts c WHERE c.id = a.account AND c.currency = a.currency)) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: an account is unknown or of another currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END $$`,
  `CREATE TRIGGER postings_balance AFTER INSERT ON billing.postings
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing.check_postings()`,
  ...['accounts', 'transfers', 'postings'].map((table) => tenantPolicy('billing', table)),
  'GRANT SELECT, INSERT, DELETE, UPDATE ON billing.outbox TO mizan_billing',
  'GRANT SELECT, INSERT, DELETE ON billing.inbox TO mizan_billing',
  'GRANT SELECT, INSERT ON billing.accounts, billing.transfers, billing.postings TO mizan_billing',
  'GRANT UPDATE (balance) ON billing.accounts TO mizan_billing',
  'REVOKE UPDATE, DELETE, TRUNCATE ON billing.transfers, billing.postings FROM mizan_billing',
  'GRANT SELECT ON ALL TABLES IN SCHEMA billing TO mizan_verify',
];
