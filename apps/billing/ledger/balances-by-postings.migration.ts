import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantRows } from '#service';

/**
 * Postings move the balances themselves, in the statement that adds them, and the login role may not: a cached balance cannot be
 * anything but the sum of its postings. A service of before this fails on its next batch and does not count anything twice.
 */
export class MoveBalancesByPostings1767225612865 implements MigrationInterface {
  name = 'MoveBalancesByPostings1767225612865';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  // Says how many postings there will be, numbered from 0: whether a transfer is whole, and that none can be added, is seen without looking at those that are there.
  'ALTER TABLE billing.transfers ADD COLUMN lines smallint',
  // How many make up its balance: beside the sum, the trial balance is read off the accounts.
  'ALTER TABLE billing.accounts ADD COLUMN postings bigint NOT NULL DEFAULT 0',
  `SELECT set_config('app.tenant', '*', true)`,
  'UPDATE billing.accounts a SET postings = p.postings FROM (SELECT account, count(*) AS postings FROM billing.postings GROUP BY account) p WHERE p.account = a.id',
  `CREATE FUNCTION billing.book_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
  DECLARE moved bigint;
  BEGIN
    IF EXISTS (SELECT FROM added GROUP BY transfer, currency HAVING sum(amount) <> 0) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (SELECT FROM (SELECT transfer, count(*) AS lines, min(line) AS first, max(line) AS last FROM added GROUP BY transfer) a
               WHERE a.first <> 0 OR a.last <> a.lines - 1 OR (SELECT t.lines FROM billing.transfers t WHERE t.id = a.transfer) IS DISTINCT FROM a.lines) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer is posted whole and once' USING ERRCODE = 'check_violation';
    END IF;
    -- In the order of their ids: in any other, two batches could wait for each other. Without a scan of the whole table, the sorted sums are what leads.
    UPDATE billing.accounts c SET balance = c.balance + s.amount, postings = c.postings + s.postings
      FROM (SELECT account, currency, sum(amount) AS amount, count(*) AS postings FROM added GROUP BY account, currency ORDER BY account) s
      WHERE c.id = s.account AND c.currency = s.currency AND NOT c.closed;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> (SELECT count(*) FROM (SELECT DISTINCT account, currency FROM added) d) THEN
      IF EXISTS (SELECT FROM added a JOIN billing.accounts c ON c.id = a.account WHERE c.closed) THEN
        RAISE EXCEPTION 'ACCOUNT_CLOSED: %', (SELECT min(c.code) FROM added a JOIN billing.accounts c ON c.id = a.account WHERE c.closed) USING ERRCODE = 'check_violation';
      END IF;
      RAISE EXCEPTION 'LEDGER_UNBALANCED: an account is unknown or of another currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END $$`,
  'REVOKE ALL ON FUNCTION billing.book_postings() FROM PUBLIC',
  'DROP TRIGGER postings_balance ON billing.postings',
  `CREATE TRIGGER postings_book AFTER INSERT ON billing.postings
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION billing.book_postings()`,
  'DROP FUNCTION billing.check_postings()',
  'REVOKE UPDATE (balance) ON billing.accounts FROM mizan_billing',
  // Whose rows may be seen is asked once for each statement, no longer once for each row.
  `DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_policies WHERE schemaname = 'billing' AND policyname = 'tenant_rows' LOOP
      EXECUTE format($policy$ALTER POLICY tenant_rows ON billing.%I USING (${tenantRows}) WITH CHECK (${tenantRows})$policy$, name);
    END LOOP;
  END $$`,
];
