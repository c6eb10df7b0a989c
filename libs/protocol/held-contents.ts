import { z } from 'zod';
import { defineCall } from './define.js';
import { sha256Hex, timeMs, uuid } from './scalars.js';

/** What an organisation stores that a legal hold may keep. */
export const contentKinds = ['files', 'responses'] as const;
export const contentKind = z.enum(contentKinds);
export type ContentKind = z.output<typeof contentKind>;

export const heldContentLimits = {
  /** Of one page: 100 × 64 persons of 64 characters, and a name of at most 1 KiB, stay below the 1 MiB of a message. */
  pageMax: 100,
  /** Of one part of a content: 683 KiB as base64. */
  partBytesMax: 512 * 1024,
} as const;

/** A file or stored response that was deleted, or whose time is over, and that a live hold keeps. */
export const heldContent = z.object({
  kind: contentKind,
  id: uuid,
  project: uuid,
  /** The hold that keeps it; there may be others. */
  hold: uuid,
  /** Of files. */
  filename: z.string().nullable(),
  bytes: z.int().nonnegative(),
  /** Whom it is declared to be about, by pseudonym; of files nobody. */
  persons: z.array(sha256Hex),
  createdAtMs: timeMs,
  deletedAtMs: timeMs,
});
export type HeldContent = z.output<typeof heldContent>;

const named = z.object({ tenant: uuid, kind: contentKind });

export const heldContentCalls = {
  /** Newest id first; `next` is where to go on, null at the end: a page may have fewer than were asked for, also none. Errors: those of asking governance for holds. */
  list: defineCall('scheduler', 'held-contents.list', {
    request: named.extend({ after: uuid.optional(), limit: z.int().min(1).max(heldContentLimits.pageMax) }),
    reply: z.object({ data: z.array(heldContent), next: uuid.nullable() }),
  }),
  /** A part of what was stored, from a byte on; `next` is null at the end. Errors: NOT_FOUND (also of what no hold keeps any more), those of asking governance for holds. */
  read: defineCall('scheduler', 'held-contents.read', {
    request: named.extend({ id: uuid, from: z.int().nonnegative() }),
    reply: z.object({ content: heldContent, part: z.base64(), next: z.int().positive().nullable() }),
    timeoutMs: 30_000,
  }),
} as const;
