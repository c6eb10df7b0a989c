import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantRows } from '#service';

/** Whose rows may be seen is asked once for each statement, no longer once for each row. What waits for the search waits for a moment: it is not compressed for that. */
export class RowsByStatement1767225612890 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_policies WHERE schemaname = 'governance' AND policyname = 'tenant_rows' AND tablename <> 'log_ids' LOOP
          EXECUTE format($policy$ALTER POLICY tenant_rows ON governance.%I USING (${tenantRows}) WITH CHECK (${tenantRows})$policy$, name);
        END LOOP;
      END $$;
      ALTER POLICY tenant_rows ON governance.log_ids
        USING (${ofAll} OR kind IN (SELECT code FROM governance.log_kinds))
        WITH CHECK (${ofAll});
      ALTER POLICY service_only ON governance.search_queue USING (${ofAll});
      ALTER TABLE governance.search_queue ALTER entries SET STORAGE EXTERNAL;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}

const ofAll = `(SELECT current_setting('app.tenant', true)) = '*'`;
