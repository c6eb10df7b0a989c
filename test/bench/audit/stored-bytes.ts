import type { DataSource } from 'typeorm';

/** Bytes of each relation of the log, with its indexes apart. */
export interface StoredBytes {
  readonly total: number;
  /** Bytes by what they are: `log_ids`, its index, rows of bundles, their long values, and so on. */
  readonly parts: Readonly<Record<string, number>>;
}

const tables = ['log_ids', 'log_bundles', 'log_bodies', 'log_tiles', 'log_kinds', 'log_head'];

/** What the log takes on disk, free space in its pages and their maps included; search indexes are not the log. `superuser` sees all. */
export async function storedBytes(superuser: DataSource): Promise<StoredBytes> {
  const rows = await superuser.query<{ name: string; rows: string; long: string; long_index: string; indexes: string; total: string }[]>(
    `SELECT t AS name, pg_table_size(c.oid) - coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0) AS rows,
       coalesce(pg_table_size(nullif(c.reltoastrelid, 0)), 0) AS long, coalesce(pg_indexes_size(nullif(c.reltoastrelid, 0)), 0) AS long_index,
       pg_indexes_size(c.oid) AS indexes, pg_total_relation_size(c.oid) AS total
     FROM unnest($1::text[]) AS t JOIN pg_class c ON c.oid = ('governance.' || t)::regclass`,
    [tables],
  );
  const parts: Record<string, number> = {};
  for (const { name, ...row } of rows) {
    parts[name] = Number(row.rows);
    parts[`${name} indexes`] = Number(row.indexes);
    if (Number(row.long) > 0) parts[`${name} long values`] = Number(row.long);
    if (Number(row.long_index) > 0) parts[`${name} long values index`] = Number(row.long_index);
  }
  return { total: rows.reduce((sum, { total }) => sum + Number(total), 0), parts };
}
