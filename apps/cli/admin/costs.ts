import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { apiCommand, group } from './api-command.js';
import type { Options } from './api-command.js';
import type { QueryValues } from '../api-client.js';
import type { Session } from '../settings.js';

interface Page {
  readonly data: readonly { readonly start_time: number; readonly results: readonly Record<string, unknown>[] }[];
  readonly next_page: string | null;
}

export const seconds = (text: string): number => {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new Error(`"${text}" is no date; write it like 2026-11-26 or 2026-11-26T10:00:00Z`);
  return Math.floor(atMs / 1_000);
};

/** The month so far, unless said otherwise. */
export function period({ orgOrNone }: Session, { from, to }: Options): QueryValues {
  const now = new Date();
  return { tenant: orgOrNone, start_time: from === undefined ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth()) / 1_000 : seconds(from), end_time: to === undefined ? undefined : seconds(to) };
}

export const withPeriod = (command: Command): Command => command.option('--from <date>', 'first moment (default: the month so far)').option('--to <date>', 'first moment after it (default: now)');

/** One row for each sum, with the start of its bucket; every page. */
const listing = (path: string, summary: string): Command =>
  withPeriod(
    apiCommand('list', summary, async (session, _args, options) => {
      const query = { ...period(session, options), group_by: options['by'], bucket_width: options['width'], limit: 180 };
      const rows: Record<string, unknown>[] = [];
      for (let page: string | undefined; ; ) {
        const { data, next_page } = (await session.api.ask('GET', path, { query: { ...query, page } })) as Page;
        rows.push(...data.flatMap(({ start_time, results }) => results.map(({ object: _object, ...result }) => ({ start: new Date(start_time * 1_000).toISOString(), ...result }))));
        if (next_page === null) return { data: rows };
        page = next_page;
      }
    }),
  )
    .option('--by <groups>', 'project_id, api_key_id, model, tag; several with commas')
    .option('--width <width>', '1h, 1d or 1mo');

export const costCommands = (): Command[] => [
  group(
    'savings',
    'what was paid, against what clouds ask',
    withPeriod(apiCommand('show', 'all that was paid, gas included, against the list prices of a dated table: cheaper or dearer, by model', (session, _args, options) => session.api.ask('GET', '/savings', { query: { ...period(session, options), tenant: session.org() } }))),
    apiCommand('table', 'the table of prices that is compared with', ({ api }) => api.ask('GET', '/baselines')),
    apiCommand('set-table <file>', 'replace it by a JSON file: {"prices": […], "models": […], "coin": null}; without prices the built-in ones stay', ({ api }, [file]) =>
      api.ask('PUT', '/baselines', { body: JSON.parse(readFileSync(file!, 'utf8')) as unknown }),
    ),
  ),
  group('usage', 'what was used', listing('/usage', 'requests and tokens by time')),
  group(
    'cost',
    'what it cost',
    listing('/costs', 'costs by time'),
    withPeriod(
      apiCommand('export', 'costs by day as a FOCUS 1.2 file (CSV)', async (session, _args, options) => {
        const csv = await session.api.text('/costs/export', period(session, options));
        const file = options['out'];
        if (file === undefined) return csv.trimEnd();
        writeFileSync(file, csv);
        return { file, bytes: Buffer.byteLength(csv) };
      }),
    ).option('--out <file>', 'write it there instead of printing it'),
  ),
];
