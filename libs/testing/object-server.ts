import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Signed {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
}

/** The least that a part has which is not the last. */
const partBytesMin = 5 * 1024 * 1024;

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The signature of a request by AWS Signature Version 4 as its specification has it, from what the request itself says was signed. */
export function signatureOf({ method, target, headers }: Signed, secretAccessKey: string): { given: string; expected: string; accessKeyId: string; scope: string } {
  const said = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(headers.authorization ?? '');
  if (!said) throw new Error('there is no signature');
  const [, accessKeyId, scope, names, given] = said as unknown as [string, string, string, string, string];
  const [path, query = ''] = target.split('?') as [string, string?];
  const canonicalQuery = query === '' ? '' : query.split('&').map((pair) => (pair.includes('=') ? pair : `${pair}=`)).sort().join('&');
  const signed = names.split(';');
  for (const name of ['host', 'x-amz-content-sha256', 'x-amz-date']) if (!signed.includes(name)) throw new Error(`${name} is not signed`);
  const canonicalHeaders = signed.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, ' ')}\n`).join('');
  const canonical = [method, path, canonicalQuery, canonicalHeaders, names, headers['x-amz-content-sha256']].join('\n');
  const [date, region, service] = scope.split('/') as [string, string, string];
  const key = hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, date), region), service), 'aws4_request');
  const expected = hmac(key, ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')).toString('hex');
  return { given, expected, accessKeyId, scope };
}

/**
 * Objects by their whole path, behind the check that a real one makes: signature, time, and the hash of the bytes. Puts, gets, ranges and
 * deletes, and uploads in parts.
 */
export class ObjectServer {
  readonly bytes = new Map<string, Buffer>();
  /** Every object that came, also those that replaced one. */
  readonly puts: { key: string; body: string; contentType: string | undefined }[] = [];
  readonly refused: string[] = [];
  /** Uploads in parts that have neither ended nor been given up. */
  readonly uploads = new Map<string, { key: string; parts: Map<number, Buffer> }>();
  /** What it answers in place of doing anything; undefined: it works. */
  failsWith: number | undefined;
  /** The same for so many of the next requests alone. */
  failures = 0;
  /** Takes objects and says so when these are called; undefined: at once. */
  unsaid: (() => void)[] | undefined;

  private constructor(
    private readonly server: Server,
    private readonly keys: ReadonlyMap<string, string>,
    private readonly region: string,
  ) {}

  static async start(keys: ReadonlyMap<string, string>, region: string): Promise<ObjectServer> {
    const server = createServer();
    const made = new ObjectServer(server, keys, region);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const { status, headers, body } = made.answer({ method: request.method!, target: request.url!, headers: request.headers }, Buffer.concat(chunks));
        const answer = (): void => void response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
        if (made.unsaid) made.unsaid.push(answer);
        else answer();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return made;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The objects as text. */
  get objects(): ReadonlyMap<string, string> {
    return new Map([...this.bytes].map(([key, bytes]) => [key, bytes.toString()]));
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private answer(request: Signed, body: Buffer): Answer {
    if (this.failsWith !== undefined) return { status: this.failsWith };
    if (this.failures > 0) {
      this.failures -= 1;
      return { status: 503 };
    }
    try {
      this.check(request, body);
    } catch (error) {
      this.refused.push((error as Error).message);
      return { status: 403 };
    }
    const { pathname: key, searchParams: query } = new URL(request.target, 'http://host');
    if (query.has('uploads') || query.has('uploadId')) return this.upload(request.method, key, query, body);
    switch (request.method) {
      case 'PUT':
        this.bytes.set(key, body);
        this.puts.push({ key, body: body.toString(), contentType: request.headers['content-type'] });
        return { status: 200 };
      case 'DELETE':
        this.bytes.delete(key);
        return { status: 204 };
      default:
        return this.read(key, request.headers.range);
    }
  }

  private read(key: string, range: string | undefined): Answer {
    const bytes = this.bytes.get(key);
    if (bytes === undefined) return { status: 404 };
    if (range === undefined) return { status: 200, headers: { 'content-length': String(bytes.length) }, body: bytes };
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    if (from === undefined || Number(from) >= bytes.length) return { status: 416 };
    return { status: 206, body: bytes.subarray(Number(from), Number(to) + 1) };
  }

  private upload(method: string, key: string, query: URLSearchParams, body: Buffer): Answer {
    const id = query.get('uploadId');
    if (id === null) {
      const made = `upload&${this.uploads.size + this.puts.length}`;
      this.uploads.set(made, { key, parts: new Map() });
      return { status: 200, body: Buffer.from(`<?xml version="1.0"?><InitiateMultipartUploadResult><Key>k</Key><UploadId>${made.replace('&', '&amp;')}</UploadId></InitiateMultipartUploadResult>`) };
    }
    const known = this.uploads.get(id);
    if (known?.key !== key) return { status: 404 };
    if (method === 'PUT') {
      known.parts.set(Number(query.get('partNumber')), body);
      return { status: 200, headers: { etag: `"${sha256(body)}"` } };
    }
    this.uploads.delete(id);
    if (method === 'DELETE') return { status: 204 };
    const asked = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>"([0-9a-f]+)"<\/ETag>/g)].map(([, number, etag]) => ({ bytes: known.parts.get(Number(number))!, etag }));
    const isRight = asked.length === known.parts.size && asked.every(({ bytes, etag }, at) => sha256(bytes) === etag && (at === asked.length - 1 || bytes.length >= partBytesMin));
    // As the real ones do: with 200, for it may take them long to know.
    if (!isRight) return { status: 200, body: Buffer.from('<Error><Code>InvalidPart</Code></Error>') };
    this.bytes.set(key, Buffer.concat(asked.map(({ bytes }) => bytes)));
    this.puts.push({ key, body: '', contentType: undefined });
    return { status: 200, body: Buffer.from('<CompleteMultipartUploadResult/>') };
  }

  private check(request: Signed, body: Buffer): void {
    const accessKeyId = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const secret = this.keys.get(accessKeyId);
    if (secret === undefined) throw new Error('InvalidAccessKeyId');
    const { given, expected, scope } = signatureOf(request, secret);
    if (given !== expected) throw new Error('SignatureDoesNotMatch');
    const time = String(request.headers['x-amz-date']);
    if (scope !== `${time.slice(0, 8)}/${this.region}/s3/aws4_request`) throw new Error('AuthorizationHeaderMalformed');
    const atMs = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (!(Math.abs(Date.now() - atMs) < 15 * 60_000)) throw new Error('RequestTimeTooSkewed');
    if (sha256(body) !== request.headers['x-amz-content-sha256']) throw new Error('XAmzContentSHA256Mismatch');
  }
}
