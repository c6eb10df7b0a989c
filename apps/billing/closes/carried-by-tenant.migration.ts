import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** What a close carried into the next names a tenant, and is seen only by that one. */
export class CarriedByTenant1767225612951 implements MigrationInterface {
  name = 'CarriedByTenant1767225612951';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(tenantPolicy('billing', 'close_carried'));
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
