import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, timeOfId } from '#kernel';
import { SealedObjects } from '#objects';
import { failure, storedResponseLimits } from '#protocol';
import type { backgroundCalls, ReplyOf, RequestOf, storedResponseCalls } from '#protocol';
import { withTenant } from '#service';
import type { Scope } from '../files/files.store.js';
import { bounded } from '../objects/bounded.js';
import { placed } from '../objects/placed.js';
import { ContentKeys } from '../objects/content-keys.service.js';
import { PersonErasureStore } from '../erasures/person-erasures.store.js';
import { Transfers } from '../objects/transfers.js';
import { BackgroundResponses } from './background-responses.service.js';
import { BackgroundResponseStore } from './background-responses.store.js';
import { StoredResponseStore } from './stored-responses.store.js';

type Calls = typeof storedResponseCalls;

/** A gateway's clock, by which requests have their ids, may be ahead by so much. */
const clocksApartMs = 10_000;

const notWanted = (): Error => failure('CONFLICT', 'the response was given up or sent twice');
const noSuchResponse = (id: string): Error => failure('NOT_FOUND', 'there is no such response', { id });

/** Responses: a row that says whose and how long, and an object that holds the response with its input. */
@Injectable()
export class StoredResponses {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(StoredResponseStore) private readonly responses: StoredResponseStore,
    @Inject(SealedObjects) private readonly objects: SealedObjects,
    @Inject(ContentKeys) private readonly keys: ContentKeys,
    @Inject(Transfers) private readonly transfers: Transfers,
    @Inject(PersonErasureStore) private readonly erasures: PersonErasureStore,
    @Inject(BackgroundResponses) private readonly background: BackgroundResponses,
    @Inject(BackgroundResponseStore) private readonly runs: BackgroundResponseStore,
  ) {}

  async begin(request: RequestOf<Calls['beginResponse']>): Promise<ReplyOf<Calls['beginResponse']>> {
    const { tenant, id, persons = [] } = request;
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.erasures.lock(manager, tenant, persons);
      if (persons.length > 0 && (await this.erasures.erasedSince(manager, tenant, persons, timeOfId(id) - clocksApartMs))) throw failure('PERSONAL_DATA_ERASED', 'somebody whom this response is about was erased after its request came', { id });
      const { responses, bytes } = await this.responses.totals(manager, tenant);
      if (responses >= storedResponseLimits.responsesMax || bytes >= storedResponseLimits.responsesBytesMax) {
        throw failure('LIMIT_REACHED', `the organisation has ${responses} responses of ${bytes} bytes together and may have no more: delete some, or store them for a shorter time`);
      }
      const createdAtMs = this.clock.nowMs();
      if (!(await this.responses.open(manager, { ...request, persons, createdAtMs }))) throw failure('CONFLICT', 'there is a response of this id already', { id });
      // As the gateway has said it already: the time in its id.
      if (request.background) await this.runs.insert(manager, { id, tenant, declared: request.background.declared, createdAtMs: timeOfId(id) });
    });
    return { url: this.transfers.urlFor({ may: 'put-response', tenant, id }) };
  }

  /** Keeps the content of an opened one, and queues its job if it is to run in the background. Errors: NOT_FOUND, BODY_TOO_LARGE, CONFLICT, SERVICE_UNAVAILABLE, whatever the source throws. */
  async store(tenant: string, id: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    if (!(await withTenant(this.dataSource, tenant, (manager) => this.responses.isOpen(manager, id)))) throw noSuchResponse(id);
    const facts = await this.objects.put({ tenant, id }, placed(bounded(source, storedResponseLimits.bytesMax, 'response'), () => this.place(tenant, id)));
    const isStored = await this.keys.committed(
      withTenant(this.dataSource, tenant, async (manager) => {
        if (!(await this.responses.stored(manager, id, facts))) return false;
        await this.background.queue(manager, tenant, id);
        return true;
      }),
    );
    if (isStored) return;
    // Given up meanwhile: nobody else's bytes are there.
    await this.objects.delete({ tenant, id });
    throw notWanted();
  }

  private async place(tenant: string, id: string): Promise<void> {
    if (!(await withTenant(this.dataSource, tenant, (manager) => this.responses.place(manager, id, this.clock.nowMs())))) throw notWanted();
  }

  async open({ tenant, project, id }: RequestOf<Calls['openResponse']>): Promise<ReplyOf<Calls['openResponse']>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      // Whoever follows one asks for it four times a second.
      const background = await this.background.stateOf(manager, { tenant, project }, id);
      if (!background) await this.assertThere(manager, { tenant, project }, id);
      return { url: this.transfers.urlFor({ may: 'get-response', tenant, id }), background };
    });
  }

  async cancel({ tenant, project, id }: RequestOf<typeof backgroundCalls.cancelResponse>): Promise<ReplyOf<typeof backgroundCalls.cancelResponse>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      await this.assertThere(manager, { tenant, project }, id);
      return { background: await this.background.cancel(manager, { tenant, project }, id) };
    });
  }

  private async assertThere(manager: EntityManager, scope: Scope, id: string): Promise<void> {
    if (!(await this.responses.find(manager, scope, id, this.clock.nowMs()))) throw noSuchResponse(id);
  }

  /** Errors: NOT_FOUND, KMS_UNAVAILABLE, KMS_REFUSED. */
  async content(tenant: string, id: string): Promise<{ bytes: number; content: AsyncIterable<Uint8Array> }> {
    const facts = await withTenant(this.dataSource, tenant, (manager) => this.responses.find(manager, { tenant, project: null }, id, this.clock.nowMs()));
    if (!facts) throw noSuchResponse(id);
    return { bytes: facts.bytes, content: await this.objects.get({ tenant, id }, facts) };
  }

  /** Content that arrives later is not kept. Error: NOT_FOUND. */
  async delete({ tenant, project, id }: RequestOf<Calls['deleteResponse']>): Promise<ReplyOf<Calls['deleteResponse']>> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      if (!(await this.responses.delete(manager, { tenant, project }, id, this.clock.nowMs()))) throw noSuchResponse(id);
    });
    return { id };
  }
}
