import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rejections are kept by their bytes: also what was not understood, and two of one id and type. */
export class KeptRejections1767225612946 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE governance.log_rejections
        DROP CONSTRAINT log_rejections_pkey,
        -- Random in rows of before: delivered again, such a record is kept once more.
        ADD COLUMN digest bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid())),
        ADD COLUMN kind text NOT NULL DEFAULT 'envelope' CHECK (kind IN ('envelope', 'publisher', 'other-bytes', 'unread')),
        ADD COLUMN subject text,
        ADD COLUMN raw bytea,
        ADD COLUMN taken_at timestamptz,
        ALTER COLUMN id DROP NOT NULL,
        ALTER COLUMN type DROP NOT NULL,
        ALTER COLUMN record DROP NOT NULL;
      ALTER TABLE governance.log_rejections
        ALTER COLUMN digest DROP DEFAULT,
        ALTER COLUMN kind DROP DEFAULT,
        ADD PRIMARY KEY (digest),
        ADD CHECK ((kind = 'unread') = (raw IS NOT NULL)),
        ADD CHECK ((kind = 'unread') = (record IS NULL));
      GRANT UPDATE (taken_at) ON governance.log_rejections TO mizan_governance;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}
