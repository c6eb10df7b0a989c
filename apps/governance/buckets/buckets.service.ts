import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { bucket, bucketsMax, failure, type Bucket, type bucketCalls, type RecordFields, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { LogStore } from '../audit/log.store.js';
import { ChangeLog } from '../change-log.service.js';
import { TenantStream } from '../exports/tenant-stream.store.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { BucketSecrets } from './bucket-secrets.service.js';
import { BucketWriter } from './bucket-writer.service.js';
import { BucketStore, type StoredBucket } from './buckets.store.js';

type Calls = typeof bucketCalls;

/** Where organisations want their entries put. Every change is an entry of its own. */
@Injectable()
export class Buckets {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: BucketStore,
    private readonly secrets: BucketSecrets,
    private readonly writer: BucketWriter,
    private readonly organisations: OrganisationStore,
    private readonly stream: TenantStream,
    private readonly log: LogStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Errors: `URL_REFUSED`, `CONFLICT` when there are too many, `NOT_FOUND`. */
  async create({ actor, tenant, credentials, after, ...place }: RequestOf<Calls['create']>): Promise<Bucket> {
    this.writer.target(place, 'key');
    const nowMs = this.clock.nowMs();
    return this.changing(tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      if ((await this.store.list(manager, tenant)).length >= bucketsMax) throw failure('CONFLICT', `an organisation has at most ${bucketsMax} buckets: remove one`);
      const id = this.ids.uuid();
      const start = await this.startOf(manager, tenant, after);
      const made: StoredBucket = {
        ...{ id, tenant, ...place, accessKeyId: credentials.accessKeyId, credentials: await this.secrets.seal(manager, tenant, id, credentials) },
        ...{ state: 'active', ...start, objects: 0, attempts: 0, lastError: null, nextAttemptMs: nowMs, createdAtMs: nowMs },
      };
      await this.store.insert(manager, made);
      await this.record(manager, tenant, { actor, change: 'created', bucketId: id, place: { ...place }, accessKeyId: credentials.accessKeyId, after: start.position });
      return shown(made);
    });
  }

  async list({ tenant }: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return { data: (await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant))).map(shown) };
  }

  /** What is changed is tried at once. Error: `NOT_FOUND`. */
  change({ actor, tenant, id, change }: RequestOf<Calls['change']>): Promise<Bucket> {
    return this.changing(tenant, async (manager) => {
      const held = await this.held(manager, tenant, id);
      const { state = held.state, credentials, after } = change;
      const start = after === undefined ? {} : await this.startOf(manager, tenant, after);
      const sealed = credentials === undefined ? {} : { accessKeyId: credentials.accessKeyId, credentials: await this.secrets.seal(manager, tenant, id, credentials) };
      const changed: StoredBucket = { ...held, ...sealed, ...start, state, attempts: 0, lastError: null, nextAttemptMs: this.clock.nowMs() };
      await this.store.change(manager, changed);
      await this.record(manager, tenant, { actor, change: 'changed', bucketId: id, state, accessKeyId: changed.accessKeyId, after: changed.position });
      return shown(changed);
    });
  }

  /** Error: `NOT_FOUND`. */
  remove({ actor, tenant, id }: RequestOf<Calls['remove']>): Promise<Bucket> {
    return this.changing(tenant, async (manager) => {
      const held = await this.held(manager, tenant, id);
      await this.store.remove(manager, id);
      await this.record(manager, tenant, { actor, change: 'removed', bucketId: id });
      return shown(held);
    });
  }

  /** The deployment gave a bucket up. */
  async disabled(manager: EntityManager, { id, tenant }: StoredBucket, error: string): Promise<void> {
    await this.record(manager, tenant, { actor: { keyId: null, tenant: null }, change: 'disabled', bucketId: id, error });
  }

  /** Where to begin, and the organisation's last entry until there: the one that the first entry must name as the one before it. */
  private async startOf(manager: EntityManager, tenant: string, after: number | null | undefined): Promise<Pick<Bucket, 'position' | 'last'>> {
    const { size } = await this.log.head(manager);
    const position = Math.min(after === null ? -1 : (after ?? size - 1), size - 1);
    return { position, last: position < 0 ? null : await this.stream.lastUntil(manager, tenant, position) };
  }

  private async held(manager: EntityManager, tenant: string, id: string): Promise<StoredBucket> {
    const held = await this.store.hold(manager, tenant, id);
    if (held === undefined) throw failure('NOT_FOUND', 'the organisation has no such bucket');
    return held;
  }

  private record(manager: EntityManager, tenant: string, fields: RecordFields): Promise<void> {
    return this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'buckets.changed', fields });
  }

  private async changing<T>(tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const done = await withTenant(this.dataSource, tenant, work);
    this.outbox.kick();
    return done;
  }
}

const shown = (stored: StoredBucket): Bucket => bucket.parse(stored);
