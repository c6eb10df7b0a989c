import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which share of a project's requests may be asked of two machines. */
export class Hedges1767225610503 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query("ALTER TABLE governance.traffic_limits ADD COLUMN hedge_share double precision CHECK (hedge_share IS NULL OR (hedge_share > 0 AND hedge_share <= 0.2 AND scope = 'project'))");
  }

  async down(): Promise<void> {
    throw new Error('limits are never taken back by a migration');
  }
}
