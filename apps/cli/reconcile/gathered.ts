import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { comparedCharge, exportedEntry, invoicedSum, invoiceDocument, loggedCount } from '#protocol';
import type { ExportedEntry, InvoicedSum, InvoiceDocument, LoggedCount } from '#protocol';
import { endOf } from '../export/export-files.js';

/** What is checked, as it lies in a directory: nothing of it is believed. */
export interface Gathered {
  /** In the order of the log. */
  readonly entries: readonly ExportedEntry[];
  readonly counts: ReadonlyMap<number, LoggedCount>;
  readonly charges: readonly z.output<typeof comparedCharge>[];
  readonly invoices: readonly InvoiceDocument[];
  readonly sums: readonly InvoicedSum[];
  readonly scope: Scope;
}

/** What was asked for when it was gathered. */
export const scope = z.object({ format: z.literal('mizan-gathered/1'), organisation: z.string(), fromMs: z.int(), toMs: z.int() });
export type Scope = z.output<typeof scope>;

export const placesIn = (dir: string) => ({ scope: join(dir, 'scope.json'), entries: join(dir, 'entries'), counts: join(dir, 'counts.jsonl'), charges: join(dir, 'charges.jsonl'), invoices: join(dir, 'invoices.jsonl'), sums: join(dir, 'sums.jsonl'), log: join(dir, 'log') });

/** Error: a file is missing, cut off, or holds something else. */
export function readGathered(dir: string): Gathered {
  const at = placesIn(dir);
  if (!existsSync(at.scope)) throw new Error(`${dir} holds nothing that mizan audit gather has put there`);
  const counts = linesOf(at.counts, loggedCount);
  return {
    scope: scope.parse(JSON.parse(readFileSync(at.scope, 'utf8'))),
    entries: entriesIn(at.entries),
    counts: new Map(counts.map((count) => [count.index, count])),
    charges: linesOf(at.charges, comparedCharge),
    invoices: linesOf(at.invoices, invoiceDocument),
    sums: linesOf(at.sums, invoicedSum),
  };
}

/** Each file must be whole, and go on where the one before ended. */
function entriesIn(dir: string): ExportedEntry[] {
  const names = existsSync(dir) ? readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl')).sort() : [];
  const entries: ExportedEntry[] = [];
  for (const name of names) {
    const text = readFileSync(join(dir, name), 'utf8');
    try {
      endOf(text, entries.at(-1)?.index ?? null);
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
    for (const line of text.split('\n')) if (line.startsWith('{"kind":"entry"')) entries.push(exportedEntry.parse(JSON.parse(line)));
  }
  return entries;
}

function linesOf<T extends z.ZodType>(path: string, shape: T): z.output<T>[] {
  return readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line, at) => {
    const { success, data, error } = z.safeDecode(shape, JSON.parse(line) as z.input<T>);
    if (!success) throw new Error(`line ${at + 1} of ${path} is not what belongs there: ${error.issues[0]?.path.join('.')} ${error.issues[0]?.message}`);
    return data;
  });
}
