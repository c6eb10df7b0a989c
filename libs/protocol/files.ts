import { z } from 'zod';
import { defineCall } from './define.js';
import { timeMs, uuid } from './scalars.js';

/** What a caller may upload a file for. */
export const uploadPurposes = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;
/** `batch_output` is what a batch leaves behind. */
export const filePurposes = [...uploadPurposes, 'batch_output'] as const;
export const filePurpose = z.enum(filePurposes);

export const fileLimits = {
  /** One file, as OpenAI's. */
  fileBytesMax: 512 * 1024 * 1024,
  /** Characters of a name; the bytes of its UTF-8 may be four times as many. */
  filenameCharsMax: 255,
  /** Files of one listing: 1,000 × about 600 bytes stay below the 1 MiB of a message. */
  filePageMax: 1_000,
  /** Files of one organisation. */
  filesMax: 100_000,
  /** Bytes of one organisation's files: 100 GiB. */
  filesBytesMax: 100 * 1024 ** 3,
  /** How long a file may be kept after its creation, when it expires at all: an hour to thirty days. */
  expirySecondsMin: 3_600,
  expirySecondsMax: 2_592_000,
} as const;

export const storedFile = z.object({
  id: uuid,
  tenant: uuid,
  project: uuid,
  filename: z.string(),
  purpose: filePurpose,
  bytes: z.int().nonnegative(),
  createdAtMs: timeMs,
  expiresAtMs: timeMs.nullable(),
});
export type StoredFile = z.output<typeof storedFile>;

/** Whose files: of one project, or of every project of the organisation (`null`). */
export const fileScope = z.object({ tenant: uuid, project: uuid.nullable() });

/** A page of things that are listed by creation; `after` is the last id of the page before, whether that still exists or not. */
export const createdPage = z.object({ after: uuid.optional(), limit: z.int().min(1).max(fileLimits.filePageMax), order: z.enum(['asc', 'desc']) });

/** Where the bytes travel: an address of the scheduler that is good for this one transfer and a short time. */
const transfer = z.object({ url: z.url() });

export const fileCalls = {
  /** Opens an upload: what is sent to `url` by PUT becomes the file's content. Error: LIMIT_REACHED. */
  beginFile: defineCall('scheduler', 'files.begin', {
    request: z.object({ tenant: uuid, project: uuid, keyId: uuid }),
    reply: transfer.extend({ id: uuid, bytesMax: z.int().positive() }),
  }),
  /** Makes an uploaded file visible. Errors: NOT_FOUND; REQUEST_INVALID when its content did not arrive. */
  finishFile: defineCall('scheduler', 'files.finish', {
    request: z.object({ tenant: uuid, id: uuid, filename: z.string().min(1).max(fileLimits.filenameCharsMax), purpose: z.enum(uploadPurposes), expiresAfterSeconds: z.int().min(fileLimits.expirySecondsMin).max(fileLimits.expirySecondsMax).nullable() }),
    reply: storedFile,
  }),
  /** Gives an upload up; what arrived of it goes. */
  abandonFile: defineCall('scheduler', 'files.abandon', { request: z.object({ tenant: uuid, id: uuid }), reply: z.object({}) }),
  getFile: defineCall('scheduler', 'files.get', { request: fileScope.extend({ id: uuid }), reply: storedFile }),
  listFiles: defineCall('scheduler', 'files.list', { request: fileScope.extend({ purpose: filePurpose.optional() }).extend(createdPage.shape), reply: z.object({ data: z.array(storedFile), hasMore: z.boolean() }) }),
  /** Errors: NOT_FOUND; CONFLICT while a batch reads it. */
  deleteFile: defineCall('scheduler', 'files.delete', { request: fileScope.extend({ id: uuid }), reply: z.object({ id: uuid }) }),
  /** Where its content is read from by GET. Error: NOT_FOUND. */
  openFile: defineCall('scheduler', 'files.open', { request: fileScope.extend({ id: uuid }), reply: transfer.extend({ file: storedFile }) }),
} as const;
