import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Leases for one API key, whose spend is limited; and what is out in leases, found without reading the old ones. */
export class LeasesOfKeys1767225610501 implements MigrationInterface {
  name = 'LeasesOfKeys1767225610501';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE billing.leases ADD COLUMN key_id uuid');
    await queryRunner.query('CREATE INDEX leases_with_money ON billing.leases (tenant) WHERE remaining_nanos > 0');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
