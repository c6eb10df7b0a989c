import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { erasureCalls, erasureEvents, failure, type Erasure, type ReplyOf, type RequestOf, type retentionCalls } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { holdsPerson } from '../retention/holds.js';
import { HoldStore } from '../retention/holds.store.js';
import { SearchStore } from '../search/search.store.js';
import { ErasureStore, type HeldErasure } from './erasures.store.js';
import { PersonKeyStore } from './person-keys.store.js';

type Calls = typeof erasureCalls;

/** A request that holds keep from being done. */
interface Held extends Record<string, unknown> {
  readonly held: string;
  readonly holds: readonly string[];
}

/** Destroys what opens the personal part of a person's records. The log stays what it is: each entry still commits to what it said. */
@Injectable()
export class Erasures {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: ErasureStore,
    private readonly keys: PersonKeyStore,
    private readonly organisations: OrganisationStore,
    private readonly search: SearchStore,
    private readonly holds: HoldStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Error: `NOT_FOUND` when there is no such organisation. */
  async keyOf({ tenant, person }: RequestOf<Calls['personKey']>): Promise<ReplyOf<Calls['personKey']>> {
    const { keyId, publicKey } = await withTenant(this.dataSource, tenant, (manager) => this.keys.ensure(manager, tenant, person));
    return { keyId, publicKey: publicKey.toString('base64') };
  }

  /**
   * One transaction: the key with the secrets under it, the rows of the search, and the entry that says so. Asked again for the same person, it tells of the
   * erasure that was; if there is data of theirs since, that is erased as well. Errors: `NOT_FOUND` when nothing of such a person was ever held,
   * `LEGAL_HOLD`: the request is kept, and done when the last hold on it is released.
   */
  async erase({ actor, tenant, person, basis, reference }: RequestOf<Calls['erase']>): Promise<Erasure> {
    const outcome = await withTenant(this.dataSource, tenant, async (manager): Promise<Erasure | Held | undefined> => {
      await this.organisations.hold(manager, tenant);
      if ((await this.keys.find(manager, tenant, person)) === undefined) return (await this.store.list(manager, tenant, { person, limit: 1 }))[0];
      const request = { id: this.ids.uuid(), person, basis, reference, requestedAtMs: this.clock.nowMs() };
      const holds = await this.holding(manager, tenant, person);
      if (holds.length === 0) return this.eraseIn(manager, tenant, request, actor);
      const { id, isNew } = await this.store.keepHeld(manager, { ...request, tenant });
      if (isNew) await this.changes.record(manager, tenant, { id, type: 'erasure.held', fields: { actor, person, basis, reference, holds } });
      return { held: id, holds };
    });
    if (outcome === undefined) throw failure('NOT_FOUND', 'no record about such a person is or was held: check how the subject is written');
    this.outbox.kick();
    if ('held' in outcome) throw failure('LEGAL_HOLD', `a legal hold keeps these records: the request ${outcome.held} is kept, and done when the last hold is released`, outcome);
    return outcome;
  }

  /** Those of the organisation's held requests that no hold keeps any more; in the transaction of who releases one. */
  async eraseReleased(manager: EntityManager, tenant: string, actor: RequestOf<Calls['erase']>['actor']): Promise<void> {
    for (const request of await this.store.listHeld(manager, tenant, undefined, 2 ** 31 - 1)) {
      if ((await this.holding(manager, tenant, request.person)).length === 0) await this.eraseIn(manager, tenant, request, actor);
    }
  }

  /** Oldest first. */
  async listHeld({ tenant, after, limit }: RequestOf<(typeof retentionCalls)['listHeld']>): Promise<ReplyOf<(typeof retentionCalls)['listHeld']>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.listHeld(manager, tenant, after, limit + 1));
    return { data: found.slice(0, limit), hasMore: found.length > limit };
  }

  /** Ids of the holds that keep a person's records. */
  private async holding(manager: EntityManager, tenant: string, person: string): Promise<string[]> {
    const fromMs = (await this.keys.madeAtMs(manager, tenant, person)) ?? 0;
    return (await this.holds.live(manager, tenant)).filter((hold) => holdsPerson(hold, person, { fromMs, untilMs: this.clock.nowMs() })).map(({ id }) => id);
  }

  private async eraseIn(manager: EntityManager, tenant: string, { person, basis, reference, requestedAtMs }: HeldErasure, actor: RequestOf<Calls['erase']>['actor']): Promise<Erasure | undefined> {
    await this.store.removeHeld(manager, tenant, person);
    const key = await this.keys.find(manager, tenant, person);
    if (key === undefined) return undefined;
    const id = this.ids.uuid();
    await this.keys.destroy(manager, key.keyId, id);
    const searchRows = await this.search.removePerson(manager, tenant, key.keyId);
    const made = { id, tenant, person, basis, reference, requestedAtMs, erasedAtMs: this.clock.nowMs(), personKey: key.keyId, searchRows };
    await this.store.insert(manager, made);
    await this.store.count(manager, tenant);
    await this.changes.publishTenant(manager, tenant);
    await this.outbox.event(manager, erasureEvents.personErased, { erasure: id, tenant, person, erasedAtMs: made.erasedAtMs });
    await this.changes.record(manager, tenant, { id, type: 'person.erased', fields: { actor, person, basis, reference, personKey: key.keyId, searchRows } });
    return made;
  }

  async list({ tenant, ...page }: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant, { ...page, limit: page.limit + 1 }));
    return { data: found.slice(0, page.limit), hasMore: found.length > page.limit };
  }

  /** Error: `NOT_FOUND`. */
  async get({ tenant, id }: RequestOf<Calls['get']>): Promise<Erasure> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, tenant, id));
    if (found === undefined) throw failure('NOT_FOUND', 'there is no such erasure');
    return found;
  }
}
