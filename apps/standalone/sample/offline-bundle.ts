import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBundle } from '#merkle';
import { governanceCalls, parseEnvelope } from '#protocol';
import { eventually } from './sample-api.js';
import type { SampleApi } from './sample-api.js';
import type { CheckedOffline, SampleContext } from './sample-context.js';

export interface OfflineProof {
  readonly id: string;
  readonly file: string;
  /** What was proved of each entry: its kind and its place in the log. */
  readonly entries: readonly { readonly type: string; readonly index: number }[];
  /** Entries in the log under the signed checkpoint. */
  readonly size: number;
  readonly genuine: CheckedOffline;
  /** The same file with one byte changed. */
  readonly changed: CheckedOffline;
}

/** The record of the anchor follows its finality by moments. */
const anchorMs = 15_000;

/**
 * Writes the proof bundle of a record, and has it verified from the file alone by another process without a network, as it is and with one byte
 * changed.
 */
export async function proveOffline(api: SampleApi, id: string, context: Pick<SampleContext, 'outDir' | 'verifyOffline'>): Promise<OfflineProof> {
  const { logKey } = await api.get('/v1/audit/checkpoint', governanceCalls.checkpoint.reply);
  const text = await bundleOf(api, id);
  mkdirSync(context.outDir, { recursive: true });
  const file = join(context.outDir, `bundle-${id}.json`);
  writeFileSync(file, text);
  const forged = join(context.outDir, `bundle-${id}.changed.json`);
  writeFileSync(forged, withOneByteChanged(text));
  const [genuine, changed] = [await context.verifyOffline(file, logKey), await context.verifyOffline(forged, logKey)];
  const { entries, checkpoint } = parseBundle(readFileSync(file, 'utf8'));
  const own = entries.map(({ envelope, index }) => ({ ...parseEnvelope(Buffer.from(envelope, 'base64')), index })).filter((entry) => entry.id === id);
  return { id, file, entries: own.map(({ type, index }) => ({ type, index })), size: Number(checkpoint.split('\n')[1]), genuine, changed };
}

/** With the anchor that covers it, when that comes in time. */
async function bundleOf(api: SampleApi, id: string): Promise<string> {
  let text: string | undefined;
  const anchored = eventually(
    `the bundle of ${id}`,
    async () => {
      text = await api.text(`/v1/records/${id}/bundle`);
      return parseBundle(text).earlier.length > 0 ? text : undefined;
    },
    anchorMs,
  );
  return anchored.catch((error: unknown) => {
    if (text === undefined) throw error;
    return text;
  });
}

/** One digit of the hash of the request, as the record discloses it. */
export function withOneByteChanged(text: string): string {
  const at = text.indexOf('"requestHash":"') + '"requestHash":"'.length;
  if (at < '"requestHash":"'.length) throw new Error('the bundle discloses no hash of a request');
  return text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1);
}
