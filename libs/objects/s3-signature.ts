import { createHash, createHmac } from 'node:crypto';
import type { Hash, Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** SHA-256 in the shape that the signer wants it: plain, or HMAC where there is a key. */
class Sha256 {
  private hash: Hash | Hmac;

  constructor(private readonly secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = this.fresh();
  }

  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    this.hash.update(bytesOf(chunk));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.hash.digest());
  }

  reset(): void {
    this.hash = this.fresh();
  }

  private fresh(): Hash | Hmac {
    return this.secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(this.secret));
  }
}

function bytesOf(chunk: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof chunk === 'string') return Buffer.from(chunk, 'utf8');
  return ArrayBuffer.isView(chunk) ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.from(chunk);
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** Headers with which a service that speaks the API of S3 does this: AWS Signature Version 4, the hash of the bytes included. */
export async function signedS3({ method, url, headers = {}, body = new Uint8Array() }: S3Request, { region, credentials, nowMs }: { region: string; credentials: S3Credentials; nowMs: number }): Promise<Record<string, string>> {
  const { sessionToken, ...pair } = credentials;
  const signer = new SignatureV4({ service: 's3', region, credentials: { ...pair, ...(sessionToken === undefined ? {} : { sessionToken }) }, sha256: Sha256, uriEscapePath: false });
  const sha256 = createHash('sha256').update(body).digest('hex');
  const request = { method, protocol: url.protocol, hostname: url.hostname, path: url.pathname, query: Object.fromEntries(url.searchParams), headers: { host: url.host, ...headers, 'x-amz-content-sha256': sha256 } };
  return (await signer.sign(request, { signingDate: new Date(nowMs) })).headers;
}
