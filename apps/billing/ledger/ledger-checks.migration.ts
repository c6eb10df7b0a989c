import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The same checks of postings, written so that every look is one of an index, however the planner guesses; room for balances to change in place. */
export class LedgerChecksByIndex1767225600007 implements MigrationInterface {
  name = 'LedgerChecksByIndex1767225600007';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  // Scalar subqueries stay subqueries: as EXISTS they may become joins that read the whole of accounts or transfers for each batch.
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
               WHERE (SELECT c.currency FROM billing.accounts c WHERE c.id = a.account) IS DISTINCT FROM a.currency) THEN
      RAISE EXCEPTION 'LEDGER_UNBALANCED: an account is unknown or of another currency' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
  END $$`,
  'ALTER TABLE billing.accounts SET (fillfactor = 60)',
];
