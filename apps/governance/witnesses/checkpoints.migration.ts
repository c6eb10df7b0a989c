import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Checkpoints as they were published, with the cosignatures of witnesses. Public, like the log's tiles. */
export class Checkpoints1700000000031 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.log_checkpoints (
        size bigint PRIMARY KEY CHECK (size >= 0),
        note text NOT NULL,
        cosigned_by text[] NOT NULL,
        published_at timestamptz NOT NULL DEFAULT now()
      );
      GRANT SELECT, INSERT, UPDATE (note, cosigned_by) ON governance.log_checkpoints TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('published checkpoints are never taken back');
  }
}
