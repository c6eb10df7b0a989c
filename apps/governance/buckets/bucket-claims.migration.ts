import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Until when a bucket is taken, apart from when it is due: who changes it makes it due and does not take it from whoever puts to it. */
export class BucketClaims1767225612830 implements MigrationInterface {
  name = 'BucketClaims1767225612830';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE governance.buckets ADD COLUMN claimed_until_ms bigint NOT NULL DEFAULT 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE governance.buckets DROP COLUMN claimed_until_ms');
  }
}
