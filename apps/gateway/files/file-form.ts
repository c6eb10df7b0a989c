import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import type { BusboyHeaders } from '@fastify/busboy';
import { z } from 'zod';
import { isDomainError } from '#kernel';
import { failure, fileLimits, uploadPurposes } from '#protocol';

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

/** Purpose, expiry and whatever else a client may add; none is long. */
const formLimits = { files: 1, fields: 16, parts: 17, fieldSize: 4_096, fieldNameSize: 256, headerPairs: 32 };

/**
 * Reads an upload as it comes: `keep` is given the content while it arrives, the fields may stand before or after it.
 * Errors: REQUEST_INVALID naming what is wrong with the form, BODY_TOO_LARGE, whatever `keep` throws.
 */
export async function readFileForm(headers: IncomingHttpHeaders, body: Readable, bytesMax: number, keep: (content: Readable) => Promise<void>): Promise<FileForm> {
  const found: Record<string, string> = {};
  let filename: string | undefined;
  let kept: Promise<void> | undefined;
  let content: Readable | undefined;
  const end = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const form = formOf(headers, bytesMax);
      form.on('field', (name: string, value: string, nameTruncated: boolean, valueTruncated: boolean) => {
        if (nameTruncated || valueTruncated) reject(invalid('a field of the form is too long', name.slice(0, 64)));
        else found[name] = value;
      });
      form.on('file', (name: string, stream: Readable & { truncated?: boolean }, given: string | undefined) => {
        stream.on('error', reject);
        if (name !== 'file' || kept) {
          reject(invalid('the form holds one file, as "file"', 'file'));
          stream.resume();
          return;
        }
        filename = given === undefined ? undefined : unescaped(given);
        content = stream;
        stream.on('limit', () => {
          const error = failure('BODY_TOO_LARGE', `the file has more than ${bytesMax} bytes`, { param: 'file' });
          reject(error);
          stream.destroy(error);
        });
        kept = keep(stream);
        kept.catch(reject);
      });
      form.on('filesLimit', () => reject(invalid('the form holds one file, as "file"', 'file')));
      for (const limit of ['partsLimit', 'fieldsLimit'] as const) form.on(limit, () => reject(invalid('the form has too many parts', null)));
      form.on('finish', resolve);
      form.on('error', (error: unknown) => reject(isDomainError(error) ? error : invalid('the body is not valid multipart/form-data', null)));
      body.on('error', reject);
      body.on('close', () => {
        if (!body.readableEnded) reject(invalid('the body ended before the form did', null));
      });
      end.signal.addEventListener('abort', () => {
        body.unpipe(form);
        form.destroy();
      });
      body.pipe(form);
    });
    await kept;
  } catch (error) {
    // Whatever read the content must see that it does not come to its end.
    content?.destroy(error instanceof Error ? error : new Error('the form broke off'));
    end.abort();
    await kept?.catch(() => undefined);
    throw error;
  }
  if (!kept) throw invalid('the form has no file', 'file');
  return described(found, filename);
}

function formOf(headers: IncomingHttpHeaders, bytesMax: number): InstanceType<typeof Busboy> {
  try {
    return new Busboy({ headers: headers as BusboyHeaders, limits: { ...formLimits, fileSize: bytesMax } });
  } catch {
    throw invalid('the content-type names no boundary', 'content-type');
  }
}

/** Clients write these three as HTML forms do, and nothing else. */
const unescaped = (name: string): string => name.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');

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
