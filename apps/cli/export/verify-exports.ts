import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Malformed, openCheckpoint, openNote, verifySignature } from '#merkle';
import { bodyMatchesEnvelope, exportedEntry, manifestHash, manifestNoteText, parseEnvelope, signedManifest } from '#protocol';
import type { ExportManifest } from '#protocol';
import { doubtOf } from '../verify/known-keys.js';
import type { KnownKeys } from '../verify/known-keys.js';

export interface ExportsVerdict {
  /** What does not hold, each with the file that it is in. */
  readonly problems: readonly string[];
  /** Manifests whose signature does not say that the log made them, with why: it is of a former key, whoever has that now. */
  readonly doubts: readonly string[];
  readonly files: number;
  readonly entries: number;
  /** By organisation and format, what the files have without a gap: the entry that they begin after, and the last one. */
  readonly streams: readonly { organisation: string; format: string; after: number | null; last: number | null; logSize: number }[];
}

const ending = '.manifest.json';

/** Checks exports and their manifests offline; paths are manifests, or directories of them. Error: a file cannot be read. */
export function verifyExports(paths: readonly string[], keys: KnownKeys): ExportsVerdict {
  const problems: string[] = [];
  const doubts: string[] = [];
  const found = paths.flatMap(manifestsIn).flatMap((path) => {
    try {
      const { manifest, doubt } = openManifest(readFileSync(path, 'utf8'), keys);
      if (doubt !== undefined) doubts.push(`${path}: ${doubt}`);
      return [{ path, manifest }];
    } catch (error) {
      problems.push(`${path}: ${(error as Error).message}`);
      return [];
    }
  });
  for (const { path, manifest } of found) problems.push(...problemsOf(path, manifest).map((problem) => `${path}: ${problem}`));
  const streams = new Map<string, { organisation: string; format: string; after: number | null; last: number | null; logSize: number }>();
  for (const { path, manifest } of found.sort((a, b) => (a.manifest.after ?? -1) - (b.manifest.after ?? -1) || a.manifest.logSize - b.manifest.logSize)) {
    const { after, last, logSize, format } = manifest;
    const organisation = manifest.organisation ?? 'operator';
    const before = streams.get(`${organisation} ${format}`);
    if (before && (after ?? -1) > (before.last ?? -1)) problems.push(`${path}: a gap: it begins after entry ${after}, and the files before it end with ${before.last ?? 'none'}`);
    streams.set(`${organisation} ${format}`, { organisation, format, after: before ? before.after : after, last: Math.max(before?.last ?? -1, last ?? after ?? -1), logSize: Math.max(before?.logSize ?? 0, logSize) });
  }
  for (const path of paths.filter((one) => statSync(one).isDirectory()).flatMap(dataIn)) if (!found.some((one) => fileOf(one.path) === path)) problems.push(`${path}: there is no manifest of it`);
  return { problems, doubts, files: found.length, entries: found.reduce((sum, { manifest }) => sum + manifest.entries, 0), streams: [...streams.values()] };
}

/** The manifest, as the log signed it, and why that may be doubted. Error: what does not hold. */
export function openManifest(text: string, keys: KnownKeys): { manifest: ExportManifest; doubt: string | undefined } {
  const parsed = JSON.parse(text) as { manifest?: unknown };
  const { success, data: file } = signedManifest.safeParse(parsed);
  if (!success) throw new Error('it is no manifest of an export');
  const { manifest } = file;
  let { name } = keys;
  try {
    const [key, headKey] = [keys.signerOf(file.note), keys.signerOf(manifest.checkpoint)];
    ({ name } = key);
    // Of the file as it is: what the schema would leave out is not signed either.
    if (openNote(file.note, [key], verifySignature).text !== manifestNoteText(key.name, manifest, manifestHash(parsed.manifest))) throw new Error('the signed note is of another manifest');
    const head = openCheckpoint(manifest.checkpoint, headKey, verifySignature);
    if (head.size !== manifest.logSize) throw new Error('its checkpoint is of another size');
    const ofNote = doubtOf(() => keys.requireDated(key, manifest.logSize, 'Export the same entries again: the manifest comes under the log\'s key now'));
    const ofHead = doubtOf(() => keys.requireOfTheLog(headKey, head));
    return { manifest, doubt: ofNote ?? ofHead };
  } catch (error) {
    throw error instanceof Malformed ? new Error(`the log ${name} has not signed it: ${error.message}`, { cause: error }) : error;
  }
}

function problemsOf(path: string, manifest: ExportManifest): string[] {
  const file = fileOf(path);
  if (file === undefined) return [`the file that it is of (${manifest.files[0]!.name}) is not beside it`];
  const bytes = readFileSync(file);
  const said = manifest.files[0]!;
  if (createHash('sha256').update(bytes).digest('hex') !== said.sha256) return [`${basename(file)} is not the file that was signed: it has ${bytes.length} bytes, and the signed one has ${said.bytes}, or others`];
  const problems = manifest.gaps.map(({ entry, previous, expected }) => `a gap before entry ${entry}: the one before it is ${previous ?? 'none'}, and what is there ends at ${expected ?? 'nothing'}`);
  const entries = entriesOf(bytes.toString('utf8'), manifest.format);
  if (entries.length !== manifest.entries || (entries[0]?.index ?? null) !== manifest.first || (entries.at(-1)?.index ?? null) !== manifest.last) problems.push(`it says ${manifest.entries} entries from ${manifest.first} to ${manifest.last}, and the file has ${entries.length}`);
  for (const { index, holds } of entries) if (!holds) problems.push(`entry ${index}: what is told of it is not what its envelope commits to`);
  return problems;
}

/** Of CSV the first column is the index: a cell with a line break in it begins with none. */
function entriesOf(text: string, format: ExportManifest['format']): { index: number; holds: boolean }[] {
  if (format === 'csv') return [...text.matchAll(/(?:^|\r\n)(\d+),/g)].map(([, index]) => ({ index: Number(index), holds: true }));
  const lines = text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  if (format === 'ocsf') return lines.map(({ metadata }) => ({ index: (metadata as { sequence: number }).sequence, holds: true }));
  return lines.filter(({ kind }) => kind === 'entry').map((line) => {
    const { index, envelope, fields, opening } = exportedEntry.parse(line);
    return { index, holds: fields === null || !opening || bodyMatchesEnvelope({ ...opening, fields }, parseEnvelope(Buffer.from(envelope, 'base64'))) };
  });
}

function manifestsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(ending)).map((name) => join(path, name));
}

const dataIn = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(jsonl|csv)$/.test(name)).map((name) => join(path, name));

/** Beside the manifest, with its name. */
function fileOf(path: string): string | undefined {
  const base = basename(path).slice(0, -ending.length);
  const name = readdirSync(dirname(path)).find((one) => ['.jsonl', '.csv', '.ocsf.jsonl'].some((end) => one === `${base}${end}`));
  return name === undefined ? undefined : join(dirname(path), name);
}
