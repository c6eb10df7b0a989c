import { tileWidth, unpackBundle } from '#merkle';
import type { Query } from './sources.js';

/** Eight tiles of entries of some 600 bytes: about a megabyte at a time. */
const entriesPerPage = 8 * tileWidth;
const hashBytes = 32;

export interface LogRow {
  readonly index: number;
  /** What stands beside the entry: whose it is, and under which record; undefined when nothing does. */
  readonly beside: { readonly id: string; readonly type: string; readonly tenant: string | null } | undefined;
  /** The exact hashed bytes. */
  readonly envelope: Uint8Array;
  readonly leafHash: Uint8Array;
  /** The fields of the deployment's own entries, which are public. */
  readonly fields: Record<string, unknown> | null;
}

export interface LogPage {
  readonly rows: readonly LogRow[];
  /** Stored hashes of the full tiles that these entries complete, by `level/index` of their node in the tree. */
  readonly nodes: ReadonlyMap<string, Uint8Array>;
}

export const nodeName = (level: number, index: number): string => `${level}/${index}`;

export async function logHead(query: Query): Promise<{ size: number; root: Uint8Array }> {
  const [row] = await query<{ size: string; root: Buffer }>('SELECT size, root FROM governance.log_head');
  if (!row) throw new Error('the log has no head');
  return { size: Number(row.size), root: row.root };
}

/** Public pseudonym per organisation. */
export async function pseudonyms(query: Query): Promise<ReadonlyMap<string, string>> {
  const rows = await query<{ tenant: string; pseudonym: string }>('SELECT tenant, pseudonym FROM governance.organisations');
  return new Map(rows.map(({ tenant, pseudonym }) => [tenant, pseudonym]));
}

/** How many entries have a row beside the log, by which they are found. */
export async function besideCount(query: Query): Promise<number> {
  const [row] = await query<{ count: string }>('SELECT count(*) AS count FROM governance.log_ids');
  return Number(row!.count);
}

/** Hands over the log in order, page by page, until `take` answers something. */
export async function eachLogPage<T>(query: Query, take: (page: LogPage) => T | undefined): Promise<T | undefined> {
  for (let start = 0; ; start += entriesPerPage) {
    const rows = await entries(query, start);
    const answer = rows.length > 0 ? take({ rows, nodes: await nodes(query, start, start + entriesPerPage) }) : undefined;
    if (answer !== undefined || rows.length < entriesPerPage) return answer;
  }
}

async function entries(query: Query, start: number): Promise<LogRow[]> {
  const span = [start, start + entriesPerPage];
  const pieces = await query<{ first: string; entries: Buffer; hashes: Buffer }>('SELECT first, entries, hashes FROM governance.log_bundles WHERE first >= $1 AND first < $2 ORDER BY first', span);
  const found = pieces.flatMap(({ first, entries: packed, hashes }) =>
    unpackBundle(packed).map((envelope, at) => ({ index: Number(first) + at, envelope, leafHash: new Uint8Array(hashes.subarray(at * hashBytes, (at + 1) * hashBytes)) })),
  );
  const beside = await query<{ index: string; id: string; type: string; tenant: string | null }>('SELECT index, id, type, tenant FROM governance.log_entries WHERE id = ANY($1::uuid[])', [
    found.flatMap(({ envelope }) => recordOf(envelope) ?? []),
  ]);
  const known = new Map(beside.map(({ index, ...row }) => [Number(index), row]));
  const fields = await publicFields(query, span);
  return found.map((entry) => ({ ...entry, beside: known.get(entry.index), fields: fields.get(entry.index) ?? null }));
}

/** The record an entry says it is of, so that its row can be looked for. */
function recordOf(envelope: Uint8Array): string | undefined {
  return /"id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"/.exec(Buffer.from(envelope).toString('latin1'))?.[1];
}

/** Packs of bodies that are not sealed: one byte a body for its place, and each a length of 32 bits and JSON. */
async function publicFields(query: Query, span: readonly number[]): Promise<Map<number, Record<string, unknown>>> {
  const packs = await query<{ first: string; positions: Buffer; bodies: Buffer }>('SELECT first, positions, bodies FROM governance.log_bodies WHERE seal_key_id IS NULL AND first >= $1 AND first < $2', [...span]);
  const fields = new Map<number, Record<string, unknown>>();
  for (const { first, positions, bodies } of packs) {
    let start = 0;
    for (const position of positions) {
      const end = start + 4 + bodies.readUInt32BE(start);
      fields.set(Number(first) + position, JSON.parse(bodies.subarray(start + 4, end).toString()) as Record<string, unknown>);
      start = end;
    }
  }
  return fields;
}

/** Full tiles whose last entry is in [start, end). A tile of level l is the node of level 8 (l + 1). */
async function nodes(query: Query, start: number, end: number): Promise<Map<string, Uint8Array>> {
  const rows = await query<{ level: number; index: string; root: Buffer }>(
    `SELECT t.level, t.index, t.root FROM generate_series(0, 5) AS l
     JOIN governance.log_tiles t ON t.level = l AND t.index >= ($1::bigint >> (8 * (l + 1))) AND t.index < ($2::bigint >> (8 * (l + 1)))`,
    [start, end],
  );
  return new Map(rows.map(({ level, index, root }) => [nodeName(8 * (level + 1), Number(index)), root]));
}
