import { Injectable } from '@nestjs/common';
import { request } from 'undici';
import { Clock, DomainError } from '#kernel';
import { signedS3 } from '#objects';
import { guardedAgent, outboundTarget } from '#outbound';
import { failure, type Bucket, type BucketCredentials } from '#protocol';
import { Secrets } from '../secrets.js';

/** How long an object may take to be there. */
export const putMs = 30_000;

/** Puts objects at addresses that strangers gave. */
@Injectable()
export class BucketWriter {
  private readonly agent: ReturnType<typeof guardedAgent>;

  constructor(
    private readonly secrets: Secrets,
    private readonly clock: Clock,
  ) {
    this.agent = guardedAgent(secrets.bucketAllowed);
  }

  /** The address of an object, `/bucket/key` under the endpoint. Error: `URL_REFUSED`. */
  target({ endpoint, bucket }: Pick<Bucket, 'endpoint' | 'bucket'>, key: string): URL {
    const base = outboundTarget(endpoint, this.secrets.bucketAllowed);
    if (base.protocol !== 'https:' && !this.secrets.bucketPlain) throw failure('URL_REFUSED', 'entries are put over https only', { param: 'endpoint' });
    if (base.pathname !== '/' || base.search !== '' || base.hash !== '') throw failure('URL_REFUSED', 'an endpoint has neither a path nor a query: the bucket has a field of its own', { param: 'endpoint' });
    return new URL(`/${bucket}/${key}`, base);
  }

  /** Null when it is there, else why not, as its owner may read it: nothing of what is behind an address. The same key again replaces what was there. */
  async put(bucket: Pick<Bucket, 'endpoint' | 'bucket' | 'region'>, credentials: BucketCredentials, key: string, body: Uint8Array, contentType: string): Promise<string | null> {
    try {
      const url = this.target(bucket, key);
      const headers = await signedS3({ method: 'PUT', url, headers: { 'content-type': contentType, 'user-agent': 'mizan-buckets/1' }, body }, { region: bucket.region, credentials, nowMs: this.clock.nowMs() });
      const answer = await request(url, { method: 'PUT', dispatcher: this.agent, headers, body, signal: AbortSignal.timeout(putMs) });
      answer.body.on('error', () => undefined).destroy();
      return answer.statusCode === 200 || answer.statusCode === 204 ? null : `it answered ${answer.statusCode}`;
    } catch (error) {
      const known = [error, (error as { cause?: unknown } | null)?.cause].find((one) => one instanceof DomainError);
      return known instanceof DomainError ? known.message : 'it could not be reached in time';
    }
  }
}
