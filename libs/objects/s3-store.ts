import { setTimeout as pause } from 'node:timers/promises';
import { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import type { DomainError } from '#kernel';
import { failure } from '#protocol';
import { keyText, ObjectStore } from './object-store.js';
import type { ByteRange, ObjectKey, StoredObject } from './object-store.js';
import { signedS3 } from './s3-signature.js';
import type { S3Credentials, S3Request } from './s3-signature.js';

/** What is sent in one piece, and the parts of what is larger: the most that one object holds in memory. 512 MiB are 64 of at most 10,000 parts. */
const partBytes = 8 * 1024 * 1024;
const connectMs = 5_000;
/** Between two pieces of an answer, and to its beginning: completing a large upload takes a service seconds. */
const silenceMs = 30_000;
/** A service that is overtaxed says so and is asked again. */
const triesMax = 3;
const firstPauseMs = 100;

/** A bucket of any service that speaks the API of S3. */
export interface S3Place {
  /** Without a path: `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** Before each key: empty, or with a slash at its end. */
  readonly prefix: string;
  readonly credentials: S3Credentials;
}

type Asked = Omit<S3Request, 'url'> & { readonly query?: Readonly<Record<string, string>> };

/** Objects in a bucket, under `<prefix><tenant>/<id>`. What came in parts is there once all have come. Errors beside the declared: SERVICE_UNAVAILABLE. */
export class S3Store extends ObjectStore {
  private readonly agent = new Agent({ connect: { timeout: connectMs }, headersTimeout: silenceMs, bodyTimeout: silenceMs });

  constructor(
    private readonly place: S3Place,
    private readonly nowMs: () => number,
  ) {
    super();
  }

  async put(key: ObjectKey, source: AsyncIterable<Uint8Array>): Promise<StoredObject> {
    const parts = inParts(source);
    const first = (await parts.next()).value ?? Buffer.alloc(0);
    const second = await parts.next();
    if (second.done !== true) return this.putParts(key, first, second.value, parts);
    await this.done(key, { method: 'PUT', body: first });
    return { bytes: first.length };
  }

  async get(key: ObjectKey, range?: ByteRange): Promise<AsyncIterable<Uint8Array>> {
    if (range && range.end <= range.start) {
      if ((await this.head(key)) === undefined) throw missing();
      return Readable.from([]);
    }
    const answer = await this.ask(key, { method: 'GET', ...(range ? { headers: { range: `bytes=${range.start}-${range.end - 1}` } } : {}) });
    if (answer.statusCode === (range ? 206 : 200)) return answer.body;
    await leave(answer);
    throw answer.statusCode === 404 ? missing() : this.unavailable(`it answered ${answer.statusCode} to GET`);
  }

  async head(key: ObjectKey): Promise<StoredObject | undefined> {
    const answer = await this.ask(key, { method: 'HEAD' });
    await leave(answer);
    if (answer.statusCode === 404) return undefined;
    if (answer.statusCode !== 200) throw this.unavailable(`it answered ${answer.statusCode} to HEAD`);
    return { bytes: Number(answer.headers['content-length']) };
  }

  async delete(key: ObjectKey): Promise<void> {
    const answer = await this.ask(key, { method: 'DELETE' });
    await leave(answer);
    if (answer.statusCode >= 300 && answer.statusCode !== 404) throw this.unavailable(`it answered ${answer.statusCode} to DELETE`);
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await this.agent.close();
  }

  private async putParts(key: ObjectKey, first: Buffer, second: Buffer, rest: AsyncGenerator<Buffer, undefined>): Promise<StoredObject> {
    const begun = await this.done(key, { method: 'POST', query: { uploads: '' } });
    const uploadId = unescaped(/<UploadId>([^<]+)<\/UploadId>/.exec(begun.text)?.[1] ?? '');
    if (uploadId === '') throw this.unavailable('it began no upload');
    const etags: string[] = [];
    let bytes = 0;
    const putPart = async (part: Buffer): Promise<void> => {
      const { headers } = await this.done(key, { method: 'PUT', query: { partNumber: String(etags.length + 1), uploadId }, body: part });
      if (typeof headers['etag'] !== 'string') throw this.unavailable('it named no part');
      etags.push(headers['etag']);
      bytes += part.length;
    };
    try {
      await putPart(first);
      await putPart(second);
      for await (const part of rest) await putPart(part);
      const all = etags.map((etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`).join('');
      const { text } = await this.done(key, { method: 'POST', query: { uploadId }, body: Buffer.from(`<CompleteMultipartUpload>${all}</CompleteMultipartUpload>`) });
      // Said with 200, for it may take a service long to know.
      if (/<Error>/.test(text)) throw this.unavailable(`it did not put the parts together: ${/<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1] ?? 'it gives no reason'}`);
      return { bytes };
    } catch (error) {
      await rest.return(undefined);
      // Parts that belong to nothing cost until they are gone.
      await this.done(key, { method: 'DELETE', query: { uploadId } }).catch(() => undefined);
      throw error;
    }
  }

  /** What must succeed, and what was said. */
  private async done(key: ObjectKey, asked: Asked): Promise<{ headers: Dispatcher.ResponseData['headers']; text: string }> {
    const answer = await this.ask(key, asked);
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw this.unavailable(`it answered ${answer.statusCode} to ${asked.method}`);
    return { headers: answer.headers, text };
  }

  /** All of it may be asked twice: what is put again is the same. */
  private async ask(key: ObjectKey, { query = {}, ...asked }: Asked): Promise<Dispatcher.ResponseData> {
    const url = new URL(`/${this.place.bucket}/${this.place.prefix}${keyText(key)}`, this.place.endpoint);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const { region, credentials } = this.place;
    for (let tries = 1; ; tries += 1) {
      const headers = await signedS3({ ...asked, url }, { region, credentials, nowMs: this.nowMs() });
      try {
        const answer = await request(url, { method: asked.method, headers, body: asked.body ?? null, dispatcher: this.agent });
        if ((answer.statusCode < 500 && answer.statusCode !== 429) || tries === triesMax) return answer;
        await leave(answer);
      } catch (error) {
        if (tries === triesMax) throw this.unavailable('it does not answer', error);
      }
      await pause(firstPauseMs * 4 ** (tries - 1));
    }
  }

  /** Where objects are is told to operators alone. */
  private unavailable(what: string, cause?: unknown): DomainError {
    return failure('SERVICE_UNAVAILABLE', 'contents cannot be kept or read now; try again shortly', {}, new Error(`the bucket ${this.place.bucket} at ${this.place.endpoint}: ${what}`, { cause }));
  }
}

const missing = (): DomainError => failure('NOT_FOUND', 'there is no such object');

/** What is not read is taken from the connection, or the connection is lost. */
const leave = ({ body }: Dispatcher.ResponseData): Promise<void> => body.dump().then(() => undefined);

/** Pieces of `partBytes`, the last one shorter; nothing at all for an empty source. */
async function* inParts(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, undefined> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    held.push(chunk);
    bytes += chunk.length;
    while (bytes >= partBytes) {
      const all = Buffer.concat(held);
      yield all.subarray(0, partBytes);
      held = [all.subarray(partBytes)];
      bytes -= partBytes;
    }
  }
  if (bytes > 0) yield Buffer.concat(held);
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const unescaped = (text: string): string => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
