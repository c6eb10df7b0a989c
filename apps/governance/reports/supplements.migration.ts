import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What came into the log after a month's report was made: named in supplements, which never change either. */
export class ReportSupplements1767225614102 implements MigrationInterface {
  name = 'ReportSupplements1767225614102';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- How far the log was looked through for what is of the month and late; null: as far as the report itself says.
      ALTER TABLE governance.audit_reports ADD COLUMN looked_to bigint;
      GRANT UPDATE (looked_to) ON governance.audit_reports TO mizan_governance;
      CREATE TABLE governance.audit_report_supplements (
        tenant uuid NOT NULL,
        month text NOT NULL,
        number int NOT NULL CHECK (number > 0),
        report text NOT NULL,
        note text NOT NULL,
        made_at_ms bigint NOT NULL,
        PRIMARY KEY (tenant, month, number),
        FOREIGN KEY (tenant, month) REFERENCES governance.audit_reports
      );
      GRANT SELECT, INSERT ON governance.audit_report_supplements TO mizan_governance;
    `);
    await runner.query(tenantPolicy('governance', 'audit_report_supplements'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.audit_report_supplements; ALTER TABLE governance.audit_reports DROP COLUMN looked_to');
  }
}
