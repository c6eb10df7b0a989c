import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { apiCommand } from './admin/api-command.js';
import type { ApiClient } from './api-client.js';
import { replaceFile } from './durable-file.js';
import { endOf, objectName } from './export/export-files.js';

const limitPerFile = 5_000;

/** `mizan audit export`: one file, or with `--dir` files that each go on where the one before ended. */
export const exportCommand = (): Command =>
  apiCommand('export', "an organisation's entries of the log, oldest first, with their bodies; each export is an entry itself", async ({ api, orgOrNone }, _args, { format = 'jsonl', after, limit, out, dir }) => {
    if (dir !== undefined) return exportInto(api, dir, orgOrNone);
    const text = await api.text('/exports', { tenant: orgOrNone, format, after, limit });
    const file = out ?? `export-${after ?? 'start'}.${format === 'csv' ? 'csv' : 'jsonl'}`;
    writeFileSync(file, text);
    return { file, bytes: Buffer.byteLength(text) };
  })
    .addOption(new Option('--format <format>', 'JSON Lines, CSV, or OCSF events for a SIEM').choices(['jsonl', 'csv', 'ocsf']))
    .option('--after <index>', 'index of the last entry that you have')
    .option('--limit <count>', 'entries at most, up to 10000')
    .option('--out <file>', 'write it there')
    .option('--dir <directory>', 'write JSON Lines there as objects by day (2026/01/31/<first>-<last>.jsonl), on from the last one: call it as often as you like');

/** Files that are whole by name: what was cut off has none, and is fetched again. */
export async function exportInto(api: ApiClient, dir: string, tenant: string | undefined): Promise<{ files: string[]; entries: number; next: number | null }> {
  const files: string[] = [];
  let entries = 0;
  mkdirSync(dir, { recursive: true });
  let after = lastOf(dir);
  for (;;) {
    const text = await api.text('/exports', { tenant, format: 'jsonl', after: after ?? undefined, limit: limitPerFile });
    const { count, first, last, timeMs, next } = endOf(text, after);
    if (count === 0 || first === null || last === null) return { files, entries, next: after };
    const name = objectName(timeMs, first, last);
    mkdirSync(join(dir, name, '..'), { recursive: true });
    await replaceFile(join(dir, name), text);
    files.push(name);
    entries += count;
    after = last;
    if (next === null) return { files, entries, next: after };
  }
}

/** Index of the last entry that is there; read from the names, and the file must be what its name says. */
function lastOf(dir: string): number | null {
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jsonl'));
  const newest = names.map((name) => ({ name, last: Number(/-(\d+)\.jsonl$/.exec(name)?.[1] ?? -1) })).sort((a, b) => b.last - a.last)[0];
  if (newest === undefined || newest.last < 0) return null;
  const { last } = endOf(readFileSync(join(dir, newest.name), 'utf8'), undefined);
  if (last !== newest.last) throw new Error(`${newest.name} ends with entry ${last}: remove it, and it is fetched again`);
  return last;
}
