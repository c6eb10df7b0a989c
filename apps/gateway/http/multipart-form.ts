import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import type { BusboyHeaders } from '@fastify/busboy';
import { isDomainError } from '#kernel';
import { failure } from '#protocol';

/** Fields that say what is to be done with the file, and whatever else a client may add; none is long. */
const formLimits = { files: 1, fields: 16, parts: 17, fieldSize: 4_096, fieldNameSize: 256, headerPairs: 32 };

/** What a form holds beside the content of its one file. */
export interface Form {
  /** By name; a field may be there more than once. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly filename: string | undefined;
}

/**
 * Reads a form with one file, `file`, as it comes: `keep` is given the content while it arrives, the fields may stand before or after it.
 * Errors: REQUEST_INVALID naming what is wrong with the form, BODY_TOO_LARGE, whatever `keep` throws.
 */
export async function readForm(headers: IncomingHttpHeaders, body: Readable, bytesMax: number, keep: (content: Readable) => Promise<void>): Promise<Form> {
  const found = new Map<string, string[]>();
  let filename: string | undefined;
  let kept: Promise<void> | undefined;
  let content: Readable | undefined;
  const end = new AbortController();
  try {
    await new Promise<void>((resolve, reject) => {
      const form = busboyOf(headers, bytesMax);
      form.on('field', (name: string, value: string, nameTruncated: boolean, valueTruncated: boolean) => {
        if (nameTruncated || valueTruncated) reject(invalid('a field of the form is too long', name.slice(0, 64)));
        else found.set(name, [...(found.get(name) ?? []), value]);
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
  return { fields: found, filename };
}

function busboyOf(headers: IncomingHttpHeaders, bytesMax: number): InstanceType<typeof Busboy> {
  try {
    return new Busboy({ headers: headers as BusboyHeaders, limits: { ...formLimits, fileSize: bytesMax } });
  } catch {
    throw invalid('the content-type names no boundary', 'content-type');
  }
}

/** Clients write these three as HTML forms do, and nothing else. */
const unescaped = (name: string): string => name.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');

const invalid = (message: string, param: string | null): Error => failure('REQUEST_INVALID', message, { param });
