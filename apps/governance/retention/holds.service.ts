import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, retentionCalls, type LegalHold, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Erasures } from '../persons/erasures.service.js';
import { HoldStore } from './holds.store.js';

type Calls = typeof retentionCalls;

/** A hold wins over retention and over erasure. All three take turns on the organisation's row. */
@Injectable()
export class Holds {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: HoldStore,
    private readonly organisations: OrganisationStore,
    private readonly erasures: Erasures,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Errors: `NOT_FOUND`, `REQUEST_INVALID` when its time ends before it begins. */
  async place({ actor, tenant, hold }: RequestOf<Calls['placeHold']>): Promise<LegalHold> {
    if (hold.fromMs !== null && hold.untilMs !== null && hold.untilMs < hold.fromMs) throw failure('REQUEST_INVALID', '"untilMs" is before "fromMs"', { param: 'untilMs' });
    const placed = { ...hold, id: this.ids.uuid(), tenant, placedAtMs: this.clock.nowMs(), releasedAtMs: null };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      await this.store.insert(manager, placed);
      await this.changes.record(manager, tenant, { id: placed.id, type: 'hold.placed', fields: { actor, hold: placed.id, ...hold } });
    });
    this.outbox.kick();
    return placed;
  }

  /** Erases, in the same transaction, those for whom it was the last one. Error: `NOT_FOUND`. */
  async release({ actor, tenant, id }: RequestOf<Calls['releaseHold']>): Promise<LegalHold> {
    const released = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      const found = await this.store.find(manager, tenant, id);
      if (found?.releasedAtMs !== null) return found;
      await this.store.release(manager, id, this.clock.nowMs());
      await this.changes.record(manager, tenant, { id, type: 'hold.released', fields: { actor, hold: id } });
      await this.erasures.eraseReleased(manager, tenant, actor);
      return this.store.find(manager, tenant, id);
    });
    if (released === undefined) throw failure('NOT_FOUND', 'there is no such hold');
    this.outbox.kick();
    return released;
  }

  /** In turn with those who place one: what is being placed is among them. Error: `NOT_FOUND`, so that nothing is deleted of an organisation that is not known here. */
  async live({ tenant, after, limit }: RequestOf<Calls['liveHolds']>): Promise<ReplyOf<Calls['liveHolds']>> {
    const found = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      return this.store.list(manager, tenant, after, limit + 1, 'live');
    });
    const data = found.slice(0, limit).map(({ id, person, fromMs, untilMs }) => ({ id, person, fromMs, untilMs }));
    return { data, hasMore: found.length > limit };
  }

  async list({ tenant, after, limit }: RequestOf<Calls['listHolds']>): Promise<ReplyOf<Calls['listHolds']>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.store.list(manager, tenant, after, limit + 1));
    return { data: found.slice(0, limit), hasMore: found.length > limit };
  }
}
