import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The same rules again; transfers and accounts are looked up all at once, by their sorted keys, and no longer each from the root of the index. */
export class BookBySortedKeys1767225614430 implements MigrationInterface {
  name = 'BookBySortedKeys1767225614430';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(bookPostings);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

// The settings leave one plan for either look: keys of the batch go into one scan of the index, which sorts them, and what it finds is joined by hash. Accounts come out, and are
// locked, in the order of their ids whichever side of the join is hashed, as long as it is held in memory: in any other order two batches could wait for each other.
const bookPostings = `CREATE OR REPLACE FUNCTION billing.book_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_mergejoin = off SET enable_nestloop = off SET work_mem = '64MB' AS $$
  DECLARE unbalanced boolean; partial boolean; known bigint; moved bigint;
  BEGIN
    WITH given AS MATERIALIZED (
      SELECT c.transfer, bool_or(c.amount <> 0) AS uneven, sum(c.lines) AS lines, min(c.first) AS first, max(c.last) AS last
      FROM (SELECT transfer, currency, sum(amount) AS amount, count(*)::int AS lines, min(line) AS first, max(line) AS last FROM added GROUP BY transfer, currency) c
      GROUP BY c.transfer
    )
    SELECT bool_or(g.uneven), bool_or(g.first <> 0 OR g.last <> g.lines - 1 OR t.lines IS DISTINCT FROM g.lines)
      INTO unbalanced, partial
      FROM given g LEFT JOIN billing.transfers t ON t.id = g.transfer AND t.id = ANY (ARRAY(SELECT transfer FROM given));
    IF unbalanced THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer does not sum to zero' USING ERRCODE = 'check_violation';
    END IF;
    IF partial THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: a transfer is posted whole and once' USING ERRCODE = 'check_violation';
    END IF;
    WITH sums AS MATERIALIZED (
      SELECT account, currency, sum(amount) AS amount, count(*) AS postings FROM added GROUP BY account, currency ORDER BY account
    ), moves AS (
      UPDATE billing.accounts c SET balance = c.balance + s.amount, postings = c.postings + s.postings
        FROM sums s WHERE c.id = ANY (ARRAY(SELECT account FROM sums)) AND c.id = s.account AND c.currency = s.currency AND NOT c.closed
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM sums), (SELECT count(*) FROM moves) INTO known, moved;
    IF moved <> known THEN
      IF EXISTS (SELECT FROM billing.accounts c WHERE c.id = ANY (ARRAY(SELECT account FROM added)) AND c.closed) THEN
        RAISE EXCEPTION 'ACCOUNT_CLOSED: %', (SELECT min(c.code) FROM billing.accounts c WHERE c.id = ANY (ARRAY(SELECT account FROM added)) AND c.closed) USING ERRCODE = 'check_violation';
      END IF;
      RAISE EXCEPTION 'LEDGER_UNBALANCED: an account is unknown or of another currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END $$`;
