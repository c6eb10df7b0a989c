import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openBooks } from './books-harness.js';
import type { Books } from './books-harness.js';

/** Tables that name a tenant and that every transaction may read all of, with the reason. */
const open: Readonly<Record<string, string>> = {};

interface Table {
  name: string;
  enabled: boolean;
  forced: boolean;
  reads: string | null;
  writes: string | null;
}

describe('every table of the books that names a tenant', () => {
  let books: Books;
  let tables: Table[];

  beforeAll(async () => {
    books = await openBooks();
    // Partitions are read through their parent, by whose policy their rows are judged.
    tables = await books.within((manager) =>
      manager.query<Table[]>(
        `SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced, p.qual AS reads, COALESCE(p.with_check, p.qual) AS writes
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'billing'
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped
         LEFT JOIN pg_policies p ON p.schemaname = 'billing' AND p.tablename = c.relname
         WHERE c.relkind IN ('r', 'p') ORDER BY 1`,
      ),
    );
  });
  afterAll(() => books.close());

  it('shows and takes only the rows of the tenant that is asked for, its owner too, or is named with the reason', () => {
    expect(tables.length).toBeGreaterThan(10);
    const unguarded = tables.filter(({ enabled, forced, reads, writes }) => !enabled || !forced || ![reads, writes].every((rule) => rule?.includes("'app.tenant'")));
    expect(unguarded.map(({ name }) => name)).toEqual(Object.keys(open).sort());
  });
});
