import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An organisation's entries in the order of the log: one index row a pack of bodies, not one an entry. */
export class TenantStream1767225612210 implements MigrationInterface {
  name = 'TenantStream1767225612210';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX log_bodies_tenant ON governance.log_bodies (tenant, first)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX governance.log_bodies_tenant');
  }
}
