import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { SealedObjects } from '#objects';
import type { ByteRange, ObjectFacts } from '#objects';
import { failure, fileLimits } from '#protocol';
import type { fileCalls, ReplyOf, RequestOf, StoredFile } from '#protocol';
import { withTenant } from '#service';
import { bounded } from '../objects/bounded.js';
import { placed } from '../objects/placed.js';
import { ContentKeys } from '../objects/content-keys.service.js';
import { Transfers } from '../objects/transfers.js';
import { fileToWire } from './file.js';
import type { File, FilePurpose } from './file.js';
import { FileStore } from './files.store.js';
import type { Scope } from './files.store.js';

type Calls = typeof fileCalls;

const notWanted = (): Error => failure('CONFLICT', 'the upload was given up or sent twice: begin it anew');
const noSuchFile = (id: string): Error => failure('NOT_FOUND', 'there is no such file', { id });

/** Files: a row that says what they are, and an object that holds their content. */
@Injectable()
export class Files {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(FileStore) private readonly files: FileStore,
    @Inject(SealedObjects) private readonly objects: SealedObjects,
    @Inject(ContentKeys) private readonly keys: ContentKeys,
    @Inject(Transfers) private readonly transfers: Transfers,
  ) {}

  async begin({ tenant, project, keyId }: RequestOf<Calls['beginFile']>): Promise<ReplyOf<Calls['beginFile']>> {
    const id = this.ids.uuid();
    const left = await withTenant(this.dataSource, tenant, async (manager) => {
      const { files, bytes } = await this.files.totals(manager, tenant);
      if (files >= fileLimits.filesMax || bytes >= fileLimits.filesBytesMax) throw failure('LIMIT_REACHED', `the organisation has ${files} files of ${bytes} bytes together and may have no more: delete some`);
      await this.files.open(manager, { id, tenant, project, keyId, createdAtMs: this.clock.nowMs() });
      return fileLimits.filesBytesMax - bytes;
    });
    return { id, url: this.transfers.urlFor({ may: 'put-file', tenant, id }), bytesMax: Math.min(fileLimits.fileBytesMax, left) };
  }

  /** Keeps the content of an opened upload; sent twice at a time, that of one. Errors: NOT_FOUND, CONFLICT, BODY_TOO_LARGE, SERVICE_UNAVAILABLE, whatever the source throws. */
  async store(tenant: string, id: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await withTenant(this.dataSource, tenant, (manager) => this.files.find(manager, id));
    if (file?.state !== 'opened') throw noSuchFile(id);
    const facts = await this.objects.put({ tenant, id }, placed(bounded(source, fileLimits.fileBytesMax, 'file'), () => this.place(tenant, id)));
    const kept = await this.keys.committed(withTenant(this.dataSource, tenant, (manager) => this.files.stored(manager, id, facts)));
    if (kept) return;
    // Given up meanwhile: nobody else's bytes are there.
    await this.objects.delete({ tenant, id });
    throw notWanted();
  }

  private async place(tenant: string, id: string): Promise<void> {
    if (!(await withTenant(this.dataSource, tenant, (manager) => this.files.place(manager, id, this.clock.nowMs())))) throw notWanted();
  }

  async finish({ tenant, id, filename, purpose, expiresAfterSeconds }: RequestOf<Calls['finishFile']>): Promise<StoredFile> {
    const nowMs = this.clock.nowMs();
    return withTenant(this.dataSource, tenant, async (manager) => {
      const file = await this.files.show(manager, id, { filename, purpose, expiresAtMs: expiresAfterSeconds === null ? null : nowMs + expiresAfterSeconds * 1_000 });
      if (file) return fileToWire(file);
      const known = await this.files.find(manager, id);
      if (known?.state === 'shown') return fileToWire(known);
      throw known ? failure('REQUEST_INVALID', 'the content of the file did not arrive: upload it again') : noSuchFile(id);
    });
  }

  /** A file of the scheduler's own making, shown at once when the transaction of `show` commits. */
  async write(owner: { tenant: string; project: string; keyId: string }, source: AsyncIterable<Uint8Array>): Promise<{ id: string; facts: ObjectFacts }> {
    const id = this.ids.uuid();
    await withTenant(this.dataSource, owner.tenant, (manager) => this.files.open(manager, { id, ...owner, createdAtMs: this.clock.nowMs() }));
    // While a KMS is away, what is written is tried again and again.
    const facts = await this.objects.put({ tenant: owner.tenant, id }, source).catch(async (error: unknown) => {
      await this.abandon(owner.tenant, id);
      throw error;
    });
    await this.keys.committed(withTenant(this.dataSource, owner.tenant, (manager) => this.files.stored(manager, id, facts)));
    return { id, facts };
  }

  async abandon(tenant: string, id: string): Promise<void> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      const file = await this.files.find(manager, id);
      if (file && file.state !== 'shown') await this.files.remove(manager, [id]);
    });
  }

  async get(scope: Scope & { id: string }): Promise<StoredFile> {
    return fileToWire(await this.require(scope, scope.id));
  }

  async list(request: RequestOf<Calls['listFiles']>): Promise<ReplyOf<Calls['listFiles']>> {
    const page = { after: request.after, limit: request.limit + 1, order: request.order };
    const found = await withTenant(this.dataSource, request.tenant, (manager) => this.files.page(manager, request, request.purpose satisfies FilePurpose | undefined, page, this.clock.nowMs()));
    return { data: found.slice(0, request.limit).map(fileToWire), hasMore: found.length > request.limit };
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  async delete(scope: Scope & { id: string }): Promise<{ id: string }> {
    const nowMs = this.clock.nowMs();
    await withTenant(this.dataSource, scope.tenant, async (manager) => {
      if (!(await this.files.shown(manager, scope, scope.id, nowMs))) throw noSuchFile(scope.id);
      if (await this.files.isRead(manager, scope.id)) throw failure('CONFLICT', 'a batch reads this file: cancel the batch, or wait for its end');
      await this.files.hide(manager, scope.id, nowMs);
    });
    return { id: scope.id };
  }

  async open(scope: Scope & { id: string }): Promise<ReplyOf<Calls['openFile']>> {
    const file = await this.require(scope, scope.id);
    return { file: fileToWire(file), url: this.transfers.urlFor({ may: 'get-file', tenant: file.tenant, id: file.id }) };
  }

  /** The content, or part of it. Errors: NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED. */
  async content(tenant: string, id: string, range?: ByteRange): Promise<{ bytes: number; content: AsyncIterable<Uint8Array> }> {
    const file = await withTenant(this.dataSource, tenant, (manager) => this.files.find(manager, id));
    if (file?.state !== 'shown' || file.bytes === null || file.wrappedKey === null) throw noSuchFile(id);
    return { bytes: file.bytes, content: await this.objects.get({ tenant, id }, { bytes: file.bytes, wrappedKey: file.wrappedKey }, range) };
  }

  private async require(scope: Scope, id: string): Promise<File> {
    const file = await withTenant(this.dataSource, scope.tenant, (manager) => this.files.shown(manager, scope, id, this.clock.nowMs()));
    if (!file) throw noSuchFile(id);
    return file;
  }
}
