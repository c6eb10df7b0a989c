import type { Query } from './sources.js';

/** 2,000 entries of some 600 bytes: about a megabyte at a time. */
const entriesPerPage = 2_000;

export interface LogRow {
  readonly index: number;
  readonly id: string;
  readonly type: string;
  readonly tenant: string | null;
  readonly timeMs: number;
  /** The exact hashed bytes. */
  readonly envelope: Uint8Array;
  readonly leafHash: Uint8Array;
  /** The fields of the deployment's own entries, which are public. */
  readonly fields: Record<string, unknown> | null;
}

export interface LogPage {
  readonly rows: readonly LogRow[];
  /** Stored hashes of the subtrees that these entries complete, by `level/index`. */
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

/** Hands over the log in order, page by page, until `take` answers something. */
export async function eachLogPage<T>(query: Query, take: (page: LogPage) => T | undefined): Promise<T | undefined> {
  let after = -1;
  for (;;) {
    const rows = await entries(query, after);
    const answer = rows.length > 0 ? take({ rows, nodes: await nodes(query, rows[0]!.index, rows.at(-1)!.index + 1) }) : undefined;
    if (answer !== undefined || rows.length < entriesPerPage) return answer;
    after = rows.at(-1)!.index;
  }
}

interface EntryRow {
  index: string;
  id: string;
  type: string;
  tenant: string | null;
  time_ms: string;
  envelope: Buffer;
  leaf_hash: Buffer;
  fields: Record<string, unknown> | null;
}

async function entries(query: Query, after: number): Promise<LogRow[]> {
  const rows = await query<EntryRow>(
    `SELECT e.index, e.id, e.type, e.tenant, e.time_ms, e.envelope, e.leaf_hash, b.fields FROM governance.log_entries e LEFT JOIN governance.log_bodies b ON b.index = e.index
     WHERE e.index > $1 ORDER BY e.index LIMIT $2`,
    [after, entriesPerPage],
  );
  return rows.map(({ index, time_ms: timeMs, leaf_hash: leafHash, ...row }) => ({ ...row, index: Number(index), timeMs: Number(timeMs), leafHash }));
}

/** Full subtrees whose last entry is in [start, end). */
async function nodes(query: Query, start: number, end: number): Promise<Map<string, Uint8Array>> {
  const rows = await query<{ level: number; index: string; hash: Buffer }>(
    `SELECT n.level, n.index, n.hash FROM generate_series(1, 53) AS l
     JOIN governance.log_nodes n ON n.level = l AND n.index >= ($1::bigint >> l) AND n.index < ($2::bigint >> l)`,
    [start, end],
  );
  return new Map(rows.map(({ level, index, hash }) => [nodeName(level, Number(index)), hash]));
}
