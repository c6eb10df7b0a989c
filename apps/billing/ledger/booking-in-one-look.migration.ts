import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The same rules of postings and accounts, with fewer looks: one over the postings for each rule's sums, one of the key for each account. */
export class BookInOneLook1767225612933 implements MigrationInterface {
  name = 'BookInOneLook1767225612933';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE OR REPLACE FUNCTION billing.book_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_mergejoin = off SET enable_hashjoin = off SET random_page_cost = 0 SET cpu_tuple_cost = 1 AS $$
  DECLARE unbalanced boolean; partial boolean; known bigint; moved bigint;
  BEGIN
    SELECT bool_or(a.uneven), bool_or(a.first <> 0 OR a.last <> a.lines - 1 OR (SELECT t.lines FROM billing.transfers t WHERE t.id = a.transfer) IS DISTINCT FROM a.lines)
      INTO unbalanced, partial
      FROM (SELECT c.transfer, bool_or(c.amount <> 0) AS uneven, sum(c.lines)::bigint AS lines, min(c.first) AS first, max(c.last) AS last
            FROM (SELECT transfer, currency, sum(amount) AS amount, count(*) AS lines, min(line) AS first, max(line) AS last FROM added GROUP BY transfer, currency) c
            GROUP BY c.transfer) a;
    IF unbalanced THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF partial THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer is posted whole and once' USING ERRCODE = 'check_violation';
    END IF;
    -- In the order of their ids: in any other, two batches could wait for each other. The sorted sums lead, and each looks for its account by the key. The settings leave no
    -- other plan: joins of both in their order read every account there is, and so does one that accounts lead, which is kept from when there were few.
    WITH sums AS MATERIALIZED (
      SELECT account, currency, sum(amount) AS amount, count(*) AS postings FROM added GROUP BY account, currency ORDER BY account
    ), moves AS (
      UPDATE billing.accounts c SET balance = c.balance + s.amount, postings = c.postings + s.postings
        FROM sums s WHERE c.id = s.account AND c.currency = s.currency AND NOT c.closed
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM sums), (SELECT count(*) FROM moves) INTO known, moved;
    IF moved <> known THEN
      IF EXISTS (SELECT FROM added a JOIN billing.accounts c ON c.id = a.account WHERE c.closed) THEN
        RAISE EXCEPTION 'ACCOUNT_CLOSED: %', (SELECT min(c.code) FROM added a JOIN billing.accounts c ON c.id = a.account WHERE c.closed) USING ERRCODE = 'check_violation';
      END IF;
      RAISE EXCEPTION 'LEDGER_UNBALANCED: an account is unknown or of another currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END $$`,
  // The same bounds; of an account that has none nothing is calculated.
  'ALTER TABLE billing.accounts DROP CONSTRAINT accounts_within_rules',
  `ALTER TABLE billing.accounts ADD CONSTRAINT accounts_within_rules CHECK ((balance_least IS NULL OR balance - reserved_credit >= balance_least) AND (balance_most IS NULL OR balance + reserved_debit <= balance_most))`,
];
