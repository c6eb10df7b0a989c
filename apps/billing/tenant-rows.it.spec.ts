import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { withClient } from '#local';
import { openBooks } from './books-harness.js';
import type { Books } from './books-harness.js';

/** Tables that name a tenant and that every transaction may read all of, with the reason. */
const open: Readonly<Record<string, string>> = {};

/** Tables that name no tenant, and whose what is in them is. */
const ofNoTenant: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['nodes', 'revoked_nodes', 'offers', 'prices', 'price_changes', 'price_books'].map((name) => [name, 'the market, which everybody sees'])),
  ...Object.fromEntries(['sellers', 'invoice_series', 'exchange_rates', 'holdback_rules', 'baseline_tables'].map((name) => [name, "the deployment's own settings"])),
  ...Object.fromEntries(['closes', 'close_differences'].map((name) => [name, "of all books together, read by the deployment's own alone"])),
  ...Object.fromEntries(['verdicts', 'claim_resolutions'].map((name) => [name, 'about the work of a machine: of whose request it was nothing is said'])),
  ...Object.fromEntries(['outbox', 'inbox', 'migrations'].map((name) => [name, "the service's own, which no caller reads"])),
};

/** Any value of a type, another one each time. */
function valueOf(type: string, number: number): unknown {
  if (type === 'uuid') return randomUUID();
  if (type === 'jsonb') return '{}';
  if (type.endsWith('[]')) return [];
  if (type === 'boolean') return false;
  if (type.startsWith('timestamp')) return new Date(number);
  return type === 'text' ? `text ${number}` : type === 'bytea' ? Buffer.alloc(0) : number;
}

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

  it('shows of a row of each of two organisations each its own, to a stranger and to nobody none, and takes none from another', async () => {
    const [one, other, stranger] = [randomUUID(), randomUUID(), randomUUID()];
    const role = new URL(books.database.url).username;
    let number = 0;
    await withClient(books.database.adminUrl, async (client) => {
      for (const { name } of tables) {
        const table = `billing."${name}"`;
        await client.query('BEGIN');
        // What values there may be is not asked here, only whose they are. All of it is undone.
        const { rows: rules } = await client.query<{ name: string }>(`SELECT conname AS name FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('c', 'f')`, [table]);
        for (const rule of rules) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT "${rule.name}"`);
        await client.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`);
        const { rows: columns } = await client.query<{ name: string; type: string }>(
          `SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = '' AND attname <> 'tenant' AND attnotnull AND NOT atthasdef`,
          [table],
        );
        const insert = (tenant: string) =>
          client.query(`INSERT INTO ${table} (tenant${columns.map((column) => `, "${column.name}"`).join('')}) VALUES ($1${columns.map((_, index) => `, $${index + 2}`).join('')})`, [tenant, ...columns.map(({ type }) => valueOf(type, ++number))]);
        for (const tenant of [one, other]) await insert(tenant);
        await client.query(`SET LOCAL ROLE "${role}"`);
        const seenBy = async (tenant: string): Promise<string[]> => {
          await client.query(`SELECT set_config('app.tenant', $1, true)`, [tenant]);
          return (await client.query<{ tenant: string }>(`SELECT tenant::text AS tenant FROM ${table} WHERE tenant::text = ANY($1::text[])`, [[one, other]])).rows.map((row) => row.tenant);
        };
        expect([name, await seenBy('*').then((seen) => seen.sort()), await seenBy(stranger), await seenBy(''), await seenBy(other), await seenBy(one)]).toEqual([name, [one, other].sort(), [], [], [other], [one]]);
        await expect(insert(other)).rejects.toThrow(/row-level security|permission denied/);
        await client.query('ROLLBACK');
      }
    });
  });

  it('and none but those that are named lacks a tenant', async () => {
    const without = await books.within((manager) => manager.query<{ name: string }[]>(`SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'billing' WHERE c.relkind IN ('r', 'p') ORDER BY 1`));
    expect(without.map(({ name }) => name).filter((name) => !tables.some((table) => table.name === name))).toEqual(Object.keys(ofNoTenant).sort());
  });
});
