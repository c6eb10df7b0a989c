import { createHash } from 'node:crypto';

interface Line {
  readonly kind: string;
  readonly index?: number;
  readonly previous?: number | null;
  readonly timeMs?: number;
  readonly entries?: number;
  readonly next?: number | null;
  readonly sha256?: string;
}

export interface ExportEnd {
  readonly count: number;
  readonly first: number | null;
  readonly last: number | null;
  /** Of the first entry. */
  readonly timeMs: number;
  readonly next: number | null;
}

/**
 * Reads an export in JSON Lines and checks that it is whole: its hash, its count, and that every entry names the one before it; the first of them `after`,
 * the last entry that the reader has (null: none; `undefined`: not known). Error: what is missing, and where.
 */
export function endOf(text: string, after: number | null | undefined): ExportEnd {
  const split = text.lastIndexOf('\n', text.length - 2) + 1;
  const end = lineOf(text.slice(split));
  if (end.kind !== 'end' || !text.endsWith('\n')) throw new Error('the export was cut off: it has no end');
  if (createHash('sha256').update(text.slice(0, split)).digest('hex') !== end.sha256) throw new Error('the export is not as it was written: its hash is another');
  const entries = text.slice(0, split).split('\n').filter((line) => line !== '').map(lineOf).filter(({ kind }) => kind === 'entry');
  if (entries.length !== end.entries) throw new Error(`the export has ${entries.length} entries and says ${end.entries}`);
  let before = after;
  for (const { index, previous } of entries) {
    if (before !== undefined && previous !== before) throw new Error(`a gap before entry ${index}: the one before it is ${previous ?? 'none'}, and what is here ends at ${before ?? 'nothing'}`);
    before = index;
  }
  return { count: entries.length, first: entries[0]?.index ?? null, last: entries.at(-1)?.index ?? null, timeMs: entries[0]?.timeMs ?? 0, next: end.next ?? null };
}

/** By day, as lakes of data are laid out; indices in order of their names. */
export function objectName(timeMs: number, first: number, last: number): string {
  const width = 12;
  return `${new Date(timeMs).toISOString().slice(0, 10).replaceAll('-', '/')}/${String(first).padStart(width, '0')}-${String(last).padStart(width, '0')}.jsonl`;
}

const lineOf = (text: string): Line => JSON.parse(text) as Line;
