import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An endpoint that is behind when its types change gets what came before as it asked for it then. */
export class FormerTypes1767225614103 implements MigrationInterface {
  name = 'FormerTypes1767225614103';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE governance.webhooks ADD COLUMN types_before jsonb NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE governance.webhooks DROP COLUMN types_before');
  }
}
