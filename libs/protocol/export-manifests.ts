import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { defineCall } from './define.js';
import { exportFormat } from './exports.js';
import { sha256Hex, timeMs, uuid } from './scalars.js';

const index = z.int().nonnegative();

/** Gaps that a manifest names; more are no stream any more. */
const gapsMax = 100;

/** What is in the files of an export, so that whoever has them later knows whether they are whole and of which log. RFC 8785 of it is what is signed. */
export const exportManifest = z.object({
  id: uuid,
  /** Null: the deployment's own entries. */
  organisation: uuid.nullable(),
  format: exportFormat,
  /** Index of the entry after which it begins; null: with the first. The manifest before it ends there. */
  after: index.nullable(),
  /** Entries, and indices of the first and the last one. */
  entries: index,
  first: index.nullable(),
  last: index.nullable(),
  /** Entries whose predecessor is not the one before them: what the organisation has there is not in the export. */
  gaps: z.array(z.object({ entry: index, previous: index.nullable(), expected: index.nullable() })).max(gapsMax),
  /** Where the next export goes on; null: there was nothing more below `logSize`. */
  next: index.nullable(),
  /** Size of the log that was read, and its signed head. */
  logSize: index,
  checkpoint: z.string(),
  files: z.array(z.object({ name: z.string().max(1_024), bytes: index, sha256: sha256Hex })).min(1).max(16),
  madeAtMs: timeMs,
});
export type ExportManifest = z.output<typeof exportManifest>;

/** One file: the manifest and the log's signed note over its hash. */
export const signedManifest = z.object({ format: z.literal('mizan-export/1'), manifest: exportManifest, note: z.string(), logKey: z.string() });
export type SignedManifest = z.output<typeof signedManifest>;

/** What an export came to; who wrote it says so. */
export const exportFacts = exportManifest.omit({ madeAtMs: true });
export type ExportFacts = z.output<typeof exportFacts>;

export const manifestHash = (manifest: unknown): string => createHash('sha256').update(canonicalJson(manifest as Json)).digest('hex');

/** The text that the log's key signs: never that of a checkpoint, whose second line is a number. */
export const manifestNoteText = (origin: string, { organisation, id }: Pick<ExportManifest, 'organisation' | 'id'>, sha256: string): string => `${origin}/export\n${organisation ?? 'operator'}\n${id}\n${sha256}\n`;

export const manifestCalls = {
  /** Signs and keeps a manifest, before its export ends; the same id again answers what was signed. Errors: REQUEST_INVALID (its checkpoint is none of the log, it ends elsewhere than at an entry of the organisation). */
  seal: defineCall('governance', 'exports.seal', { request: exportFacts, reply: signedManifest }),
  /** Error: NOT_FOUND (of another organisation too). */
  get: defineCall('governance', 'exports.manifest', { request: z.object({ tenant: uuid.nullable(), id: uuid }), reply: signedManifest }),
} as const;
