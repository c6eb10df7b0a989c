import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which uploads have put their bytes in place. */
export class PlacedUploads1767225614440 implements MigrationInterface {
  name = 'PlacedUploads1767225614440';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['files', 'responses']) {
      await runner.query(`
        -- When all bytes of an upload had come: from then on no other one of the same row puts its own in their place.
        ALTER TABLE scheduler.${table} ADD COLUMN placed_at_ms bigint;
      `);
    }
  }

  async down(): Promise<void> {
    throw new Error('what is stored is never taken back by a migration');
  }
}
