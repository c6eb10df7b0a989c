import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sealedBody, type Bucket, type SealedBody } from '#protocol';

interface BucketRow {
  id: string;
  tenant: string;
  endpoint: string;
  region: string;
  bucket: string;
  prefix: string;
  format: Bucket['format'];
  access_key_id: string;
  credentials: unknown;
  state: Bucket['state'];
  position: string;
  last: string | null;
  objects: number;
  attempts: number;
  last_error: string | null;
  next_attempt_ms: string;
  created_at_ms: string;
}

/** A bucket with what its objects are put with. */
export interface StoredBucket extends Bucket {
  readonly credentials: SealedBody;
}

/** How far a bucket is. */
export type PushProgress = Pick<Bucket, 'state' | 'position' | 'last' | 'objects' | 'attempts' | 'lastError' | 'nextAttemptMs'>;

@Injectable()
export class BucketStore {
  async insert(manager: EntityManager, made: StoredBucket): Promise<void> {
    await manager.query(
      `INSERT INTO governance.buckets (id, tenant, endpoint, region, bucket, prefix, format, access_key_id, credentials, state, position, last, next_attempt_ms, created_at_ms)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
      [made.id, made.tenant, made.endpoint, made.region, made.bucket, made.prefix, made.format, made.accessKeyId, JSON.stringify(made.credentials), made.state, made.position, made.last, made.nextAttemptMs, made.createdAtMs],
    );
  }

  async list(manager: EntityManager, tenant: string): Promise<StoredBucket[]> {
    return (await manager.query<BucketRow[]>('SELECT * FROM governance.buckets WHERE tenant = $1 ORDER BY id', [tenant])).map(fromRow);
  }

  /** Held until the transaction ends. */
  async hold(manager: EntityManager, tenant: string, id: string): Promise<StoredBucket | undefined> {
    return (await manager.query<BucketRow[]>('SELECT * FROM governance.buckets WHERE tenant = $1 AND id = $2 FOR UPDATE', [tenant, id])).map(fromRow)[0];
  }

  /**
   * Takes buckets that are due and puts them off, so that no other process has them until then. One that was changed while it was taken is due at once, and taken
   * again only when whoever has it lets it go: an object that is still on its way must not come behind a later one of its name. The transaction sees all tenants.
   */
  async claim(manager: EntityManager, nowMs: number, untilMs: number, logSize: number, limit: number): Promise<StoredBucket[]> {
    const rows = await manager.query<BucketRow[]>(
      `WITH due AS (SELECT id FROM governance.buckets WHERE state = 'active' AND next_attempt_ms <= $1 AND claimed_until_ms <= $1 AND position <> $3 - 1 ORDER BY next_attempt_ms LIMIT $4 FOR UPDATE SKIP LOCKED),
       taken AS (UPDATE governance.buckets b SET next_attempt_ms = $2, claimed_until_ms = $2 FROM due WHERE b.id = due.id RETURNING b.*) SELECT * FROM taken`,
      [nowMs, untilMs, logSize, limit],
    );
    return rows.map(fromRow);
  }

  /** Goes on under the claim when the next attempt is at its end, and lets the bucket go otherwise. False when it was changed meanwhile, or taken by another after its time: the claim is over. */
  async progress(manager: EntityManager, id: string, claimedUntilMs: number, { state, position, last, objects, attempts, lastError, nextAttemptMs }: PushProgress): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH moved AS (UPDATE governance.buckets SET state = $3, position = $4, last = $5, objects = $6, attempts = $7, last_error = $8, next_attempt_ms = $9, claimed_until_ms = CASE WHEN $9 = $2 THEN $2 ELSE 0 END
         WHERE id = $1 AND next_attempt_ms = $2 AND claimed_until_ms = $2 RETURNING id) SELECT id FROM moved`,
      [id, claimedUntilMs, state, position, last, objects, attempts, lastError, nextAttemptMs],
    );
    return rows.length === 1;
  }

  /** Lets go what was changed while it was taken. */
  async release(manager: EntityManager, id: string, claimedUntilMs: number): Promise<void> {
    await manager.query('UPDATE governance.buckets SET claimed_until_ms = 0 WHERE id = $1 AND claimed_until_ms = $2', [id, claimedUntilMs]);
  }

  async change(manager: EntityManager, { id, accessKeyId, credentials, state, position, last, attempts, lastError, nextAttemptMs }: StoredBucket): Promise<void> {
    await manager.query('UPDATE governance.buckets SET access_key_id = $2, credentials = $3, state = $4, position = $5, last = $6, attempts = $7, last_error = $8, next_attempt_ms = $9 WHERE id = $1', [
      id, accessKeyId, JSON.stringify(credentials), state, position, last, attempts, lastError, nextAttemptMs,
    ]);
  }

  async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.query('DELETE FROM governance.buckets WHERE id = $1', [id]);
  }
}

function fromRow(row: BucketRow): StoredBucket {
  return {
    id: row.id,
    tenant: row.tenant,
    endpoint: row.endpoint,
    region: row.region,
    bucket: row.bucket,
    prefix: row.prefix,
    format: row.format,
    accessKeyId: row.access_key_id,
    credentials: sealedBody.parse(row.credentials),
    state: row.state,
    position: Number(row.position),
    last: row.last === null ? null : Number(row.last),
    objects: row.objects,
    attempts: row.attempts,
    lastError: row.last_error,
    nextAttemptMs: Number(row.next_attempt_ms),
    createdAtMs: Number(row.created_at_ms),
  };
}
