import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { SealedObjects } from '#objects';
import { failure, storedResponseLimits } from '#protocol';
import type { ReplyOf, RequestOf, storedResponseCalls } from '#protocol';
import { withTenant } from '#service';
import { bounded } from '../objects/bounded.js';
import { Transfers } from '../objects/transfers.js';
import { StoredResponseStore } from './stored-responses.store.js';

type Calls = typeof storedResponseCalls;

const noSuchResponse = (id: string): Error => failure('NOT_FOUND', 'there is no such response', { id });

/** Responses: a row that says whose and how long, and an object that holds the response with its input. */
@Injectable()
export class StoredResponses {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(StoredResponseStore) private readonly responses: StoredResponseStore,
    @Inject(SealedObjects) private readonly objects: SealedObjects,
    @Inject(Transfers) private readonly transfers: Transfers,
  ) {}

  async begin(request: RequestOf<Calls['beginResponse']>): Promise<ReplyOf<Calls['beginResponse']>> {
    const { tenant, id } = request;
    await withTenant(this.dataSource, tenant, async (manager) => {
      const { responses, bytes } = await this.responses.totals(manager, tenant);
      if (responses >= storedResponseLimits.responsesMax || bytes >= storedResponseLimits.responsesBytesMax) {
        throw failure('LIMIT_REACHED', `the organisation has ${responses} responses of ${bytes} bytes together and may have no more: delete some, or store them for a shorter time`);
      }
      if (!(await this.responses.open(manager, { ...request, createdAtMs: this.clock.nowMs() }))) throw failure('CONFLICT', 'there is a response of this id already', { id });
    });
    return { url: this.transfers.urlFor({ may: 'put-response', tenant, id }) };
  }

  /** Keeps the content of an opened one. Errors: NOT_FOUND, BODY_TOO_LARGE, CONFLICT, whatever the source throws. */
  async store(tenant: string, id: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    if (!(await withTenant(this.dataSource, tenant, (manager) => this.responses.isOpen(manager, id)))) throw noSuchResponse(id);
    const facts = await this.objects.put({ tenant, id }, bounded(source, storedResponseLimits.bytesMax, 'response'));
    if (await withTenant(this.dataSource, tenant, (manager) => this.responses.stored(manager, id, facts))) return;
    // Given up meanwhile, or sent twice: the bytes are the later one's and the key the earlier one's.
    await withTenant(this.dataSource, tenant, (manager) => this.responses.remove(manager, id));
    await this.objects.delete({ tenant, id });
    throw failure('CONFLICT', 'the response was given up or sent twice');
  }

  async open({ tenant, project, id }: RequestOf<Calls['openResponse']>): Promise<ReplyOf<Calls['openResponse']>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.responses.find(manager, { tenant, project }, id, this.clock.nowMs()));
    if (!found) throw noSuchResponse(id);
    return { url: this.transfers.urlFor({ may: 'get-response', tenant, id }) };
  }

  /** Error: NOT_FOUND. */
  async content(tenant: string, id: string): Promise<{ bytes: number; content: AsyncIterable<Uint8Array> }> {
    const facts = await withTenant(this.dataSource, tenant, (manager) => this.responses.find(manager, { tenant, project: null }, id, this.clock.nowMs()));
    if (!facts) throw noSuchResponse(id);
    return { bytes: facts.bytes, content: await this.objects.get({ tenant, id }, facts) };
  }

  async delete({ tenant, project, id }: RequestOf<Calls['deleteResponse']>): Promise<ReplyOf<Calls['deleteResponse']>> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      if (!(await this.responses.find(manager, { tenant, project }, id, this.clock.nowMs()))) throw noSuchResponse(id);
      await this.responses.remove(manager, id);
    });
    return { id };
  }
}
