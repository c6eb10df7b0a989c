import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The index over record ids, smaller by half. The beginning and the end of a request have the same id: as equal keys of an index that is not unique they
 * share one. That a record has one entry never hung on it: what is in the log is looked up after the head was read, and the head moves only from there.
 */
export class IdsIndex1767225612310 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      -- Ids are in the order of time and stay: no room has to be left in the pages.
      CREATE INDEX log_ids_id ON governance.log_ids (id) WITH (fillfactor = 100);
      ALTER TABLE governance.log_ids DROP CONSTRAINT log_ids_id_kind_key;
    `);
  }

  async down(): Promise<void> {
    throw new Error('the audit log is never taken back');
  }
}
