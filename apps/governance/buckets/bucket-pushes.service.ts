import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids, isDomainError } from '#kernel';
import { Outbox } from '#messaging';
import { exportContentTypes, ExportFile, exportPageMax, type ExportedEntry } from '#protocol';
import { PeriodicTask, withTenant } from '#service';
import { LogStore } from '../audit/log.store.js';
import { Prover } from '../audit/prover.service.js';
import { ChangeLog } from '../change-log.service.js';
import { ExportManifests } from '../exports/export-manifests.service.js';
import { Exports, ofReading } from '../exports/exports.service.js';
import { TenantStream } from '../exports/tenant-stream.store.js';
import { Secrets } from '../secrets.js';
import { BucketSecrets } from './bucket-secrets.service.js';
import { BucketWriter, putMs } from './bucket-writer.service.js';
import { Buckets } from './buckets.service.js';
import { BucketStore, type PushProgress, type StoredBucket } from './buckets.store.js';

const lookEveryMs = 1_000;
/** Buckets served at once by one process. */
const bucketsAtOnce = 4;
/** Of one object. */
const objectEntriesMax = 1_024;
/** No page of entries goes on after these in one object: 4 MiB and a page go through 2 Mbit/s within the time of a put. */
const objectCharsMax = 4 * 1024 * 1024;
/** Objects of one claim, which are a minute each at most with their manifests, and of which half its time may be used. */
const objectsPerClaim = 8;
const claimMs = 300_000;
const [retryMs, retryMsMax] = [5_000, 3_600_000];

/**
 * Puts an organisation's entries into its bucket, in the order of the log. An object is named by its first entry: one that was put and not remembered, since the process
 * died in between, is put again under the same name, with the same entries and those that came since. Nothing is left out: what fails is tried again until it works,
 * and a log that is not the one whose entries were put before is not gone on with.
 */
@Injectable()
export class BucketPushes extends PeriodicTask {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BucketStore,
    private readonly stream: TenantStream,
    private readonly exports: Exports,
    private readonly manifests: ExportManifests,
    private readonly prover: Prover,
    private readonly log: LogStore,
    private readonly secrets: Secrets,
    private readonly bucketSecrets: BucketSecrets,
    private readonly writer: BucketWriter,
    private readonly buckets: Buckets,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {
    super(lookEveryMs, lookEveryMs);
  }

  runOnce(): Promise<void> {
    return this.push();
  }

  /** One round over what is due. Error: `DATABASE_UNAVAILABLE`. */
  async push(): Promise<void> {
    const nowMs = this.clock.nowMs();
    const claimed = await withTenant(this.dataSource, '*', async (manager) => {
      const { size } = await this.log.head(manager);
      return this.store.claim(manager, nowMs, nowMs + claimMs, size, bucketsAtOnce);
    });
    const served = await Promise.allSettled(claimed.map((bucket) => this.serve(bucket, nowMs + claimMs)));
    // What kept one of them, no other is kept by.
    const failed = served.find((one) => one.status === 'rejected');
    if (failed) throw failed.reason as Error;
  }

  private async serve(bucket: StoredBucket, claimedUntilMs: number): Promise<void> {
    let at = bucket;
    for (let objects = 1; ; objects += 1) {
      const { progress, isFull } = await this.next(at, claimedUntilMs);
      // The claim stays while there is more to do.
      const goesOn = isFull && objects < objectsPerClaim && !this.isStopping && claimedUntilMs > this.clock.nowMs() + claimMs / 2;
      const kept = { ...progress, nextAttemptMs: goesOn ? claimedUntilMs : progress.nextAttemptMs };
      if (!(await this.keep(at, claimedUntilMs, kept)) || !goesOn) return;
      at = { ...at, ...progress };
    }
  }

  /** Puts the next object. What keeps it from being made is told like what keeps it from being put: an organisation's own KMS that is away, a body that does not open. */
  private async next(bucket: StoredBucket, claimedUntilMs: number): Promise<Pushed> {
    try {
      return await this.putNext(bucket, claimedUntilMs);
    } catch (error) {
      if (!isDomainError(error) || error.code === 'DATABASE_UNAVAILABLE') throw error;
      return this.failed(bucket, error.message);
    }
  }

  private async putNext(bucket: StoredBucket, claimedUntilMs: number): Promise<Pushed> {
    const { note: checkpoint, size, logKey } = await this.prover.checkpoint();
    const before = await withTenant(this.dataSource, bucket.tenant, (manager) => (bucket.position < 0 ? Promise.resolve(null) : this.stream.lastUntil(manager, bucket.tenant, bucket.position)));
    if (bucket.position >= size) return this.gap(bucket, `the log has ${size} entries, and it was looked at up to entry ${bucket.position}`);
    if (before !== bucket.last) return this.gap(bucket, `the last entry that was put is ${bucket.last ?? 'none'}, and in the log it is ${before ?? 'none'}`);
    const { entries, isFull } = await this.take(bucket, size);
    const done: PushProgress = { ...bucket, position: isFull ? entries.at(-1)!.index : size - 1, attempts: 0, lastError: null, nextAttemptMs: this.clock.nowMs() + this.secrets.bucketPushMs };
    if (entries.length === 0) return { progress: done, isFull };
    if (entries[0]!.previous !== bucket.last) return this.gap(bucket, `entry ${entries[0]!.index} comes after ${entries[0]!.previous ?? 'none'}, and the last one that was put is ${bucket.last ?? 'none'}`);
    const exported = entries.every(({ type }) => ofReading.has(type)) ? null : this.ids.uuid();
    const file = new ExportFile(bucket.format);
    const head = { export: exported, tenant: bucket.tenant, after: bucket.last, limit: objectEntriesMax, until: size, checkpoint, logKey };
    const last = entries.at(-1)!.index;
    const body = Buffer.from(file.head(head) + file.page(entries) + file.end(isFull ? last : null));
    const key = keyOf(bucket, entries[0]!.index);
    const credentials = await withTenant(this.dataSource, bucket.tenant, (manager) => this.bucketSecrets.open(manager, bucket));
    // What would come after the claim could replace what another has put meanwhile.
    if (this.clock.nowMs() + 2 * putMs > claimedUntilMs) return { progress: { ...bucket, nextAttemptMs: this.clock.nowMs() }, isFull: false };
    const manifest = await this.manifests.file(this.manifests.signed({ ...file.facts(key), id: exported ?? this.ids.uuid(), organisation: bucket.tenant, next: isFull ? last : null, logSize: size, checkpoint }));
    const error =
      (await this.writer.put(bucket, credentials, key, body, exportContentTypes[bucket.format])) ??
      (await this.writer.put(bucket, credentials, manifestKeyOf(key), Buffer.from(`${JSON.stringify(manifest)}\n`), 'application/json'));
    if (error !== null) return this.failed(bucket, error);
    const object = { exported, key, first: entries[0]!.index, last, entries: entries.length, sha256: createHash('sha256').update(body).digest('hex'), logSize: size };
    return { progress: { ...done, last, objects: bucket.objects + 1, object }, isFull };
  }

  private async take({ tenant, position }: StoredBucket, until: number): Promise<{ entries: ExportedEntry[]; isFull: boolean }> {
    const entries: ExportedEntry[] = [];
    let chars = 0;
    for (let after = position; ; ) {
      const { data, next } = await this.exports.page({ tenant, after: after < 0 ? null : after, until, limit: Math.min(exportPageMax, objectEntriesMax - entries.length) });
      entries.push(...data);
      chars += JSON.stringify(data).length;
      if (next === null) return { entries, isFull: false };
      if (entries.length >= objectEntriesMax || chars >= objectCharsMax) return { entries, isFull: true };
      after = next;
    }
  }

  private failed(bucket: StoredBucket, error: string): Pushed {
    const wait = Math.min(retryMs * 2 ** bucket.attempts, retryMsMax);
    return { progress: { ...bucket, attempts: bucket.attempts + 1, lastError: error, nextAttemptMs: this.clock.nowMs() + wait }, isFull: false };
  }

  private gap(bucket: StoredBucket, why: string): Pushed {
    const lastError = `${why}: this is not the log that was put here before; compare it with what you have, and go on after an entry that both have`;
    return { progress: { ...bucket, state: 'disabled', lastError, nextAttemptMs: this.clock.nowMs() }, isFull: false };
  }

  private async keep(bucket: StoredBucket, claimedUntilMs: number, progress: PushProgress & { object?: PutObject }): Promise<boolean> {
    const isKept = await withTenant(this.dataSource, bucket.tenant, async (manager) => {
      if (!(await this.store.progress(manager, bucket.id, claimedUntilMs, progress))) {
        await this.store.release(manager, bucket.id, claimedUntilMs);
        return false;
      }
      if (progress.state === 'disabled') await this.buckets.disabled(manager, bucket, progress.lastError!);
      if (progress.object?.exported) {
        const { exported, ...object } = progress.object;
        await this.changes.record(manager, bucket.tenant, { id: exported, type: 'log.exported', fields: { actor: { keyId: null, tenant: null }, format: bucket.format, bucketId: bucket.id, ...object } });
      }
      return true;
    });
    this.outbox.kick();
    return isKept;
  }
}

interface Pushed {
  readonly progress: PushProgress & { object?: PutObject };
  readonly isFull: boolean;
}

/** An object that is in the bucket. */
interface PutObject {
  readonly exported: string | null;
  readonly key: string;
  readonly first: number;
  readonly last: number;
  readonly entries: number;
  readonly sha256: string;
  readonly logSize: number;
}

/** Of the organisation and the first entry alone, in an order in which names sort as entries do. */
const keyOf = ({ prefix, tenant, format }: StoredBucket, first: number): string => `${prefix === '' ? '' : `${prefix}/`}${tenant}/${String(first).padStart(15, '0')}.${format === 'ocsf' ? 'ocsf.jsonl' : 'jsonl'}`;
/** Beside the object that it is of, which has its own hash in it. */
const manifestKeyOf = (key: string): string => key.replace(/(\.ocsf)?\.jsonl$/, '.manifest.json');
