import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openCheckpoint, packBundle, parseVerifierKey, sha256, tilePath, tileWidth, verifySignature } from '#merkle';
import type { ApiClient } from '../api-client.js';
import { replaceFile } from '../durable-file.js';
import { LogSource } from '../monitor/log-source.js';
import { placesIn } from './gathered.js';
import type { Scope } from './gathered.js';

interface Page {
  readonly data: readonly Record<string, unknown>[];
  readonly next?: number | null;
  readonly hasMore?: boolean;
}

const pageMax = 200;
const bundlesAtOnce = 8;
const publishedMs = 120_000;

/** Puts the public log, the counts, charges and invoices of an organisation into a directory; the entries are put there by an export. Error: what the API or the log answers. */
export async function gather(api: ApiClient, log: LogSource, dir: string, tenant: string | undefined, { fromMs, toMs }: Omit<Scope, 'format' | 'organisation'>, lastEntry: number | null): Promise<{ organisation: string; counts: number; charges: number; invoices: number; logSize: number }> {
  const at = placesIn(dir);
  const sum = (await sumsOf(api, tenant, fromMs, toMs)) as { tenant: string; invoices: ({ id: string; number: string | null } & Record<string, unknown>)[] };
  const counts = await all(api, '/audit/decision-counts', { tenant, limit: 100 });
  const charges = await all(api, '/audit/completeness/charges', { tenant, fromMs, toMs, limit: pageMax });
  const issued = sum.invoices.filter(({ number }) => number !== null);
  const documents: unknown[] = [];
  for (const { id } of issued) documents.push(((await api.ask('GET', `/invoices/${id}`, { query: { tenant } })) as { document: unknown }).document);
  // The log last: what was counted is in it.
  const lastIndex = Math.max(-1, ...counts.slice(-1).map((count) => (count as { index: number }).index));
  const logSize = await saveLog(log, at.log, Math.max(lastIndex, lastEntry ?? -1) + 1);
  await save(at.counts, counts);
  await save(at.charges, charges);
  await save(at.invoices, documents);
  await save(at.sums, sum.invoices);
  const scope: Scope = { format: 'mizan-gathered/1', organisation: sum.tenant, fromMs, toMs };
  await replaceFile(at.scope, `${JSON.stringify(scope)}\n`);
  return { organisation: sum.tenant, counts: counts.length, charges: charges.length, invoices: documents.length, logSize };
}

/** The last answer, which has the invoices. */
async function sumsOf(api: ApiClient, tenant: string | undefined, fromMs: number, toMs: number): Promise<unknown> {
  for (let after: number | undefined; ; ) {
    const sum = (await api.ask('GET', '/audit/completeness', { query: { tenant, fromMs, toMs, after } })) as { next: number | null };
    if (sum.next === null) return sum;
    after = sum.next;
  }
}

async function all(api: ApiClient, path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let after: string | number | undefined; ; ) {
    const { data, next, hasMore } = (await api.ask('GET', path, { query: { ...query, after } })) as Page;
    found.push(...data);
    if (hasMore === true) after = `${String(data.at(-1)!['chargedAtMs'])}:${String(data.at(-1)!['record'])}`;
    else if (next === null || next === undefined) return found;
    else after = next;
  }
}

/** Full bundles that are there are not fetched again. `sizeMin`: what was given out is in the log that is published, at once or after the next round of witnesses. */
async function saveLog(log: LogSource, dir: string, sizeMin: number): Promise<number> {
  const sizeOf = (text: string): number => Number(text.split('\n')[1]);
  let note = await log.checkpoint();
  for (const untilMs = Date.now() + publishedMs; sizeOf(note) < sizeMin; note = await log.checkpoint()) {
    if (Date.now() > untilMs) throw new Error(`the log is published up to ${sizeOf(note)} entries, and ${sizeMin} were told of: gather again later`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const size = sizeOf(note);
  const bundles = Math.ceil(size / tileWidth);
  for (let first = 0; first < bundles; first += bundlesAtOnce) {
    await Promise.all(
      Array.from({ length: Math.min(bundlesAtOnce, bundles - first) }, async (_, at) => {
        const [index, width] = [first + at, Math.min(tileWidth, size - (first + at) * tileWidth)];
        const path = join(dir, tilePath('entries', index, width));
        if (existsSync(path)) return;
        await mkdir(dirname(path), { recursive: true });
        await replaceFile(path, packBundle(await log.entries(index, width)));
      }),
    );
  }
  await mkdir(dir, { recursive: true });
  await replaceFile(join(dir, 'checkpoint'), note);
  return size;
}

async function save(path: string, lines: readonly unknown[]): Promise<void> {
  await replaceFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** The log's last state in a directory, under the key that its user knows, or the one that it is signed with by its own word. Error: it is not signed so. */
export async function checkpointIn(log: LogSource, logKey: string): Promise<ReturnType<typeof openCheckpoint>> {
  return openCheckpoint(await log.checkpoint(), parseVerifierKey(sha256, logKey), verifySignature);
}
