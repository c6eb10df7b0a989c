import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Signed manifests of what was taken out: made once, and then always the same bytes. */
export class ExportManifests1767225614101 implements MigrationInterface {
  name = 'ExportManifests1767225614101';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.export_manifests (
        id uuid PRIMARY KEY,
        tenant uuid,
        -- RFC 8785: the bytes whose hash is signed.
        manifest text NOT NULL,
        note text NOT NULL
      );
      GRANT SELECT, INSERT ON governance.export_manifests TO mizan_governance;
    `);
    await runner.query(tenantPolicy('governance', 'export_manifests'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.export_manifests');
  }
}
