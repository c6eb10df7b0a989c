import { z } from 'zod';
import { defineCall } from './define.js';
import { actor, reader } from './governance.js';
import { recordBody, recordType } from './records.js';
import { timeMs, uuid } from './scalars.js';

export const exportFormats = ['jsonl', 'csv', 'ocsf'] as const;
export const exportFormat = z.enum(exportFormats);
export type ExportFormat = z.output<typeof exportFormat>;

/** Entries in one export: some 30 MB of JSON Lines. The next one goes on where it ended. */
export const exportEntriesMax = 10_000;
/** Of one page between services: 128 × about 4 KiB, below the default payload limit of NATS. */
export const exportPageMax = 128;

/** An entry of an organisation's stream: its entries of the log, in the log's order. */
export const exportedEntry = z.object({
  index: z.int().nonnegative(),
  /** Index of the organisation's entry before it, null at the first: what is not the one that came last shows a gap. */
  previous: z.int().nonnegative().nullable(),
  id: uuid,
  type: recordType,
  timeMs,
  tenant: uuid.nullable(),
  /** Base64 of the exact hashed bytes. */
  envelope: z.base64(),
  /** What the body says; null where it does not open any more (erased, or its key is away). */
  fields: z.record(z.string(), z.json()).nullable(),
  /** What opens the commitments of the envelope to the fields: whoever has both can check that the fields are the ones that were decided under. */
  opening: recordBody.omit({ fields: true }).nullable().optional(),
  /** Why a part is not there: a person's erasure, or one that waits for a hold. */
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type ExportedEntry = z.output<typeof exportedEntry>;

const after = z.int().nonnegative().nullable();

export const exportCalls = {
  /**
   * Records that somebody takes out what an organisation (`tenant` null: the deployment) has in the log after an entry, before anything is given out. `export` is null, and
   * nothing is recorded, when there is nothing but entries of exports and reads themselves.
   */
  begin: defineCall('governance', 'exports.begin', {
    request: z.object({ actor, tenant: uuid.nullable(), format: exportFormat, after, limit: z.int().min(1).max(exportEntriesMax) }),
    reply: z.object({ export: uuid.nullable(), until: z.int().nonnegative(), checkpoint: z.string(), logKey: z.string() }),
  }),
  /** Entries after `after` and below `until`, oldest first. `next`: the index to go on after, null at the end. */
  page: defineCall('governance', 'exports.page', {
    request: z.object({ tenant: uuid.nullable(), after, until: z.int().nonnegative(), limit: z.int().min(1).max(exportPageMax), reader: reader.optional() }),
    reply: z.object({ data: z.array(exportedEntry), next: z.int().nonnegative().nullable() }),
    timeoutMs: 10_000,
  }),
} as const;
