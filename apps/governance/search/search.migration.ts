import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantPolicy } from '#service';

/**
 * What entries are found by, beside the log and not part of it: rows may be removed (erasure) and made again from what is in the queue. Each filter
 * has an index in the order of a listing, so that a page is read off its end.
 */
export class Search1767225610610 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE governance.search_queue (
        first bigint PRIMARY KEY,
        entries json NOT NULL
      );
      CREATE TABLE governance.search_entries (
        index bigint PRIMARY KEY,
        id uuid NOT NULL,
        tenant uuid,
        type text NOT NULL,
        time_ms bigint NOT NULL,
        project uuid,
        key_id uuid,
        model text,
        endpoint text,
        data_class text,
        decision text,
        policy text,
        policy_version int,
        network text,
        region text,
        node uuid,
        cost_nanos bigint
      );
      CREATE INDEX search_entries_id ON governance.search_entries (id);
      CREATE INDEX search_entries_time ON governance.search_entries (time_ms, index);
      CREATE INDEX search_entries_tenant ON governance.search_entries (tenant, time_ms, index);
      CREATE INDEX search_entries_type ON governance.search_entries (tenant, type, time_ms, index);
      CREATE INDEX search_entries_cost ON governance.search_entries (tenant, cost_nanos) WHERE cost_nanos IS NOT NULL;
      ${['project', 'key_id', 'model', 'decision', 'policy', 'policy_version', 'network', 'region']
        .map((column) => `CREATE INDEX search_entries_${column} ON governance.search_entries (tenant, ${column}, time_ms, index) WHERE ${column} IS NOT NULL;`)
        .join('\n')}
      GRANT SELECT, INSERT, DELETE ON governance.search_queue, governance.search_entries TO mizan_governance;
      -- To lock rows, which takes the right to update one column.
      GRANT UPDATE (first) ON governance.search_queue TO mizan_governance;
      ALTER TABLE governance.search_queue ENABLE ROW LEVEL SECURITY;
      ALTER TABLE governance.search_queue FORCE ROW LEVEL SECURITY;
      CREATE POLICY service_only ON governance.search_queue USING (current_setting('app.tenant', true) = '*');
    `);
    await runner.query(tenantPolicy('governance', 'search_entries'));
    await runner.query(`
      SELECT set_config('app.tenant', '*', true);
      INSERT INTO governance.search_entries (index, id, tenant, type, time_ms)
      SELECT e.index, e.id, e.tenant, e.type, (extract(epoch FROM left(right(entry, -strpos(entry, '"time":"') - 7), 24)::timestamptz) * 1000)::bigint
      FROM (${unpacked}) b JOIN governance.log_entries e USING (index);
    `);
  }

  async down(): Promise<void> {
    await Promise.reject(new Error('drop the tables of the search by hand'));
  }
}

/** Entries of the log as text, one a row. */
const unpacked = `
  WITH RECURSIVE walk AS (
    SELECT first AS index, entries, 0 AS start FROM governance.log_bundles
    UNION ALL
    SELECT index + 1, entries, start + 2 + get_byte(entries, start) * 256 + get_byte(entries, start + 1) FROM walk
    WHERE start + 2 + get_byte(entries, start) * 256 + get_byte(entries, start + 1) < length(entries)
  )
  SELECT index, convert_from(substring(entries FROM start + 3 FOR get_byte(entries, start) * 256 + get_byte(entries, start + 1)), 'UTF8') AS entry FROM walk`;
