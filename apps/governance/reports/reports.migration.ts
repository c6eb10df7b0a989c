import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Monthly reports: made once, and then always the same bytes. */
export class Reports1767225612230 implements MigrationInterface {
  name = 'Reports1767225612230';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.audit_reports (
        tenant uuid NOT NULL REFERENCES governance.organisations,
        month text NOT NULL,
        -- RFC 8785: the bytes whose hash is signed.
        report text NOT NULL,
        note text NOT NULL,
        made_at_ms bigint NOT NULL,
        PRIMARY KEY (tenant, month)
      );
      GRANT SELECT, INSERT ON governance.audit_reports TO mizan_governance;
    `);
    await runner.query(tenantPolicy('governance', 'audit_reports'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.audit_reports');
  }
}
