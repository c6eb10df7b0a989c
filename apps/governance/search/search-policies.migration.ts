import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/** Policies that an entry is found by beside the first, which its row has: most decisions are by one. */
export class SearchPolicies1767225612831 implements MigrationInterface {
  name = 'SearchPolicies1767225612831';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.search_policies (
        index bigint NOT NULL REFERENCES governance.search_entries ON DELETE CASCADE,
        policy text NOT NULL,
        tenant uuid,
        time_ms bigint NOT NULL,
        PRIMARY KEY (index, policy)
      );
      CREATE INDEX search_policies_found ON governance.search_policies (tenant, policy, time_ms, index);
      GRANT SELECT, INSERT ON governance.search_policies TO mizan_governance;
    `);
    await runner.query(tenantPolicy('governance', 'search_policies'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE governance.search_policies');
  }
}
