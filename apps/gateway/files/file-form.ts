import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { failure, fileLimits, uploadPurposes } from '#protocol';
import { readForm } from '../http/multipart-form.js';

/** What comes beside the content, in any order. */
const fields = z.object({
  purpose: z.enum(uploadPurposes, { error: `must be one of ${uploadPurposes.join(', ')}` }),
  'expires_after[anchor]': z.literal('created_at', { error: 'must be "created_at"' }).optional(),
  'expires_after[seconds]': z.coerce.number<string>().int().min(fileLimits.expirySecondsMin).max(fileLimits.expirySecondsMax).optional(),
});

/** The whole form, as it is documented. */
export const fileFormShape = fields.extend({ file: z.string().meta({ format: 'binary' }) });

export interface FileForm {
  readonly filename: string;
  readonly purpose: (typeof uploadPurposes)[number];
  readonly expiresAfterSeconds: number | null;
}

/**
 * Reads an upload as it comes: `keep` is given the content while it arrives, the fields may stand before or after it.
 * Errors: REQUEST_INVALID naming what is wrong with the form, BODY_TOO_LARGE, whatever `keep` throws.
 */
export async function readFileForm(headers: IncomingHttpHeaders, body: Readable, bytesMax: number, keep: (content: Readable) => Promise<void>): Promise<FileForm> {
  const { fields: found, filename } = await readForm(headers, body, bytesMax, keep);
  return described(Object.fromEntries([...found].map(([name, values]) => [name, values.at(-1)!])), filename);
}

function described(found: Record<string, string>, filename: string | undefined): FileForm {
  if (filename?.includes('\0')) throw invalid("the file's name holds a NUL", 'file');
  if (!filename) throw invalid('the file has no name', 'file');
  if ([...filename].length > fileLimits.filenameCharsMax) throw invalid(`the file's name is longer than ${fileLimits.filenameCharsMax} characters`, 'file');
  const read = fields.safeParse(found);
  if (!read.success) {
    const { path, message } = read.error.issues[0]!;
    throw invalid(`${path.join('.')}: ${message}`, path.join('.'));
  }
  return { filename, purpose: read.data.purpose, expiresAfterSeconds: read.data['expires_after[seconds]'] ?? null };
}

const invalid = (message: string, param: string | null): Error => failure('REQUEST_INVALID', message, { param });
