import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Draws that were taken back before anything of them was signed. Their rows stay: what comes late finds that they are over. */
export class TakenBackStatements1767225612843 implements MigrationInterface {
  name = 'TakenBackStatements1767225612843';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE settlement.statements ADD COLUMN taken_back_at timestamptz, ADD CHECK (taken_back_at IS NULL OR (signature IS NULL AND settled_tx IS NULL));
      DROP INDEX settlement.statements_open;
      CREATE UNIQUE INDEX statements_open ON settlement.statements (tenant) WHERE settled_tx IS NULL AND taken_back_at IS NULL;
    `);
  }

  async down(): Promise<void> {
    // Forward only.
  }
}
