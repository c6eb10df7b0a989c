import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which request an admission is a second copy of. */
export class NameHedges1767225613401 implements MigrationInterface {
  name = 'NameHedges1767225613401';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const statement of statements) await queryRunner.query(statement);
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}

const statements = [
  'ALTER TABLE billing.admissions ADD COLUMN hedge_of uuid',
  'CREATE INDEX admissions_hedges ON billing.admissions (tenant, admitted_at_ms) WHERE hedge_of IS NOT NULL',
];
