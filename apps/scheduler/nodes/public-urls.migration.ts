import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where gateways call a node straight. Written once, at enrolment: the node has signed it. */
export class PublicUrls1767225610200 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE scheduler.nodes ADD COLUMN public_url text CHECK (length(public_url) <= 500)');
  }

  async down(): Promise<void> {
    throw new Error('nodes are never taken back');
  }
}
