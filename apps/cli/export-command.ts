import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { apiCommand } from './admin/api-command.js';
import type { ApiClient, QueryValues } from './api-client.js';
import { replaceFile } from './durable-file.js';
import { endOf, objectName } from './export/export-files.js';
import { verifyExports } from './export/verify-exports.js';
import { keyHistoryOption, KnownKeys } from './verify/known-keys.js';

const limitPerFile = 5_000;

/** `mizan audit export`: one file, or with `--dir` files that each go on where the one before ended. */
export const exportCommand = (): Command =>
  apiCommand('export', "an organisation's entries of the log, oldest first, with their bodies; each export is an entry itself", async ({ api, orgOrNone }, _args, { format = 'jsonl', after, limit, out, dir }) => {
    if (dir !== undefined) return exportInto(api, dir, orgOrNone);
    const { text, manifest } = await fetchExport(api, { tenant: orgOrNone, format, after, limit });
    const file = out ?? `export-${after ?? 'start'}.${format === 'csv' ? 'csv' : 'jsonl'}`;
    writeFileSync(file, text);
    writeFileSync(manifestOf(file), manifest);
    return { file, manifest: manifestOf(file), bytes: Buffer.byteLength(text) };
  })
    .addOption(new Option('--format <format>', 'JSON Lines, CSV, or OCSF events for a SIEM').choices(['jsonl', 'csv', 'ocsf']))
    .option('--after <index>', 'index of the last entry that you have')
    .option('--limit <count>', 'entries at most, up to 10000')
    .option('--out <file>', 'write it there')
    .option('--dir <directory>', 'write JSON Lines there as objects by day (2026/01/31/<first>-<last>.jsonl), on from the last one: call it as often as you like');

/** `mizan audit verify-export PATH…`: no network. */
export const verifyExportCommand = (): Command =>
  new Command('verify-export')
    .description('check exports and their signed manifests offline: hashes, counts, gaps, and that each body is what its entry commits to; exit code 1 when something does not hold, 3 when a key signed a manifest that the log gave up since')
    .argument('<path...>', 'manifests, or directories of them')
    .addOption(new Option('--log-key <vkey>', "the log's key, as you know it").env('MIZAN_LOG_KEY').makeOptionMandatory())
    .addOption(keyHistoryOption())
    .option('--json', 'print JSON')
    .action((paths: string[], { logKey, keyHistory, json }: { logKey: string; keyHistory?: string; json?: boolean }) => {
      const verdict = verifyExports(paths, KnownKeys.given(logKey, keyHistory));
      if (json === true) console.log(JSON.stringify(verdict, null, 2));
      else {
        for (const { organisation, format, after, last, logSize } of verdict.streams) console.log(`holds   ${organisation}, ${format}: from ${after === null ? 'the first entry' : `after entry ${after}`} to ${last ?? 'none'} of a log of ${logSize}`);
        for (const problem of verdict.problems) console.log(`BROKEN  ${problem}`);
        for (const doubt of verdict.doubts) console.log(`UNKNOWN ${doubt}`);
        console.log(`${verdict.files} files, ${verdict.entries} entries`);
      }
      if (verdict.problems.length > 0 || verdict.files === 0) process.exitCode = 1;
      else if (verdict.doubts.length > 0) process.exitCode = 3;
    });

const manifestOf = (file: string): string => `${file.replace(/(\.ocsf)?\.(jsonl|csv)$/, '')}.manifest.json`;

async function fetchExport(api: ApiClient, query: QueryValues): Promise<{ text: string; manifest: string }> {
  const { text, headers } = await api.told('/exports', query);
  const id = headers.get('x-mizan-export');
  return { text, manifest: await api.text(`/exports/${id}/manifest`, { tenant: query['tenant'] }) };
}

/** Files that are whole by name: what was cut off has none, and is fetched again. */
export async function exportInto(api: ApiClient, dir: string, tenant: string | undefined): Promise<{ files: string[]; entries: number; next: number | null }> {
  const files: string[] = [];
  let entries = 0;
  mkdirSync(dir, { recursive: true });
  let after = lastOf(dir);
  for (;;) {
    const { text, manifest } = await fetchExport(api, { tenant, format: 'jsonl', after: after ?? undefined, limit: limitPerFile });
    const { count, first, last, timeMs, next } = endOf(text, after);
    if (count === 0 || first === null || last === null) return { files, entries, next: after };
    const name = objectName(timeMs, first, last);
    mkdirSync(join(dir, name, '..'), { recursive: true });
    // The file last: what is there has its manifest.
    await replaceFile(join(dir, manifestOf(name)), manifest);
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
