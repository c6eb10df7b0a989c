import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { erasureCalls, failure, type Erasure, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SearchStore } from '../search/search.store.js';
import { ErasureStore } from './erasures.store.js';
import { PersonKeyStore } from './person-keys.store.js';

type Calls = typeof erasureCalls;

/** Destroys what opens the personal part of a person's records. The log stays what it is: each entry still commits to what it said. */
@Injectable()
export class Erasures {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: ErasureStore,
    private readonly keys: PersonKeyStore,
    private readonly organisations: OrganisationStore,
    private readonly search: SearchStore,
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
   * erasure that was; if there is data of theirs since, that is erased as well. Error: `NOT_FOUND` when nothing of such a person was ever held.
   */
  async erase({ actor, tenant, person, basis, reference }: RequestOf<Calls['erase']>): Promise<Erasure> {
    const erased = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      const key = await this.keys.find(manager, tenant, person);
      if (key === undefined) return (await this.store.list(manager, tenant, { person, limit: 1 }))[0];
      const nowMs = this.clock.nowMs();
      const id = this.ids.uuid();
      await this.keys.destroy(manager, key.keyId, id);
      const searchRows = await this.search.removePerson(manager, tenant, key.keyId);
      const made = { id, tenant, person, basis, reference, requestedAtMs: nowMs, erasedAtMs: nowMs, personKey: key.keyId, searchRows };
      await this.store.insert(manager, made);
      await this.store.count(manager, tenant);
      await this.changes.publishTenant(manager, tenant);
      await this.changes.record(manager, tenant, { id, type: 'person.erased', fields: { actor, person, basis, reference, personKey: key.keyId, searchRows } });
      return made;
    });
    if (erased === undefined) throw failure('NOT_FOUND', 'no record about such a person is or was held: check how the subject is written');
    this.outbox.kick();
    return erased;
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
