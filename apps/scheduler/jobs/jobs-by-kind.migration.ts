import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each kind of job has its own line of tags: its ends are found without reading the others', and its beginning whosever it is. */
export class JobsByKind1767225612926 implements MigrationInterface {
  name = 'JobsByKind1767225612926';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX jobs_kind ON scheduler.jobs (kind, tag, id) WHERE state = 'queued';
      DROP INDEX scheduler.jobs_tenant;
      CREATE INDEX jobs_tenant ON scheduler.jobs (tenant, kind, tag) WHERE state = 'queued';
      -- Seen by an organisation that adds jobs: a number, and nothing else of what others have.
      CREATE FUNCTION scheduler.queue_stands_at(asked text) RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE
          asker text := current_setting('app.tenant', true);
          first bigint;
        BEGIN
          PERFORM set_config('app.tenant', '*', true);
          SELECT tag INTO first FROM scheduler.jobs WHERE state = 'queued' AND kind = asked ORDER BY tag LIMIT 1;
          PERFORM set_config('app.tenant', asker, true);
          RETURN COALESCE(first, 0);
        END
      $$;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the queue is never taken back');
  }
}
