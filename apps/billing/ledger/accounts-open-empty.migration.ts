import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An account is opened empty: the login role may not say what its balance is, nor of how many postings, when it opens one either. */
export class OpenAccountsEmpty1767225612871 implements MigrationInterface {
  name = 'OpenAccountsEmpty1767225612871';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('REVOKE INSERT ON billing.accounts FROM mizan_billing');
    await queryRunner.query('GRANT INSERT (id, code, currency, kind, tenant, balance_most) ON billing.accounts TO mizan_billing');
  }

  async down(): Promise<void> {
    // Forward only: books are never taken back.
  }
}
