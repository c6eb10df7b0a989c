import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A draft may be withdrawn; what has a number may not, whoever asks. */
export class WithdrawDrafts1767225614422 implements MigrationInterface {
  name = 'WithdrawDrafts1767225614422';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  `CREATE FUNCTION billing.keep_numbered() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    IF OLD.number IS NOT NULL THEN
      RAISE EXCEPTION 'an issued invoice does not change' USING ERRCODE = 'check_violation';
    END IF;
    RETURN OLD;
  END $$`,
  'CREATE TRIGGER invoices_keep_numbered BEFORE DELETE ON billing.invoices FOR EACH ROW EXECUTE FUNCTION billing.keep_numbered()',
  'GRANT DELETE ON billing.invoices TO mizan_billing',
];
