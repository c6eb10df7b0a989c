import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, retentionCalls, retentionLaws, type Retention as Setting, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeLog } from '../change-log.service.js';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { SealingKeyStore, type RetiredKey } from '../organisations/sealing-keys.store.js';
import { PersonKeyStore } from '../persons/person-keys.store.js';
import { SearchStore } from '../search/search.store.js';
import { holdsTime } from './holds.js';
import { HoldStore } from './holds.store.js';
import { RetentionStore } from './retention.store.js';

type Calls = typeof retentionCalls;
const dayMs = 86_400_000;
const nobody = { keyId: null, tenant: null };

/** Bodies of requests are sealed to a new key each week: nothing is kept more than this longer than its period, and the day below. */
export const keyDays = 7;
/** Gateways learn of a new key within a second; one that was cut off from the bus meanwhile has recorded nothing. */
const graceMs = dayMs;

/** How long records of requests are kept: by law and by the organisation's own will. At the end of it their key is destroyed; the log keeps what it has hashed. */
@Injectable()
export class Retention {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: RetentionStore,
    private readonly holds: HoldStore,
    private readonly sealingKeys: SealingKeyStore,
    private readonly personKeys: PersonKeyStore,
    private readonly organisations: OrganisationStore,
    private readonly search: SearchStore,
    private readonly changes: ChangeLog,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  get({ tenant }: RequestOf<Calls['get']>): Promise<Setting> {
    return withTenant(this.dataSource, tenant, (manager) => this.store.find(manager, tenant));
  }

  /** Errors: `NOT_FOUND`, `REQUEST_INVALID` when the organisation's own period is shorter than a law's. */
  async put({ actor, tenant, rules }: RequestOf<Calls['put']>): Promise<Setting> {
    const law = rules.laws.find((name) => rules.days !== null && retentionLaws[name].days > rules.days);
    if (law !== undefined) throw failure('REQUEST_INVALID', `"days" is ${rules.days}, and ${law} asks for ${retentionLaws[law].days} (${retentionLaws[law].citation})`, { param: 'days' });
    const made = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.organisations.hold(manager, tenant);
      await this.store.put(manager, tenant, { laws: [...new Set(rules.laws)], days: rules.days }, this.clock.nowMs());
      const setting = await this.store.find(manager, tenant);
      await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'retention.changed', fields: { actor, laws: setting.laws, days: setting.days, effectiveDays: setting.effectiveDays } });
      return setting;
    });
    this.outbox.kick();
    return made;
  }

  /** One organisation's turn: a new key when the current one is a week old, and what is over is destroyed. Gives the ids of destroyed keys. Errors: `KMS_UNAVAILABLE`, `KMS_REFUSED`. */
  async apply(tenant: string, nowMs: number): Promise<string[]> {
    await withTenant(this.dataSource, tenant, (manager) => this.renewKey(manager, tenant, nowMs));
    const destroyed = await withTenant(this.dataSource, tenant, (manager) => this.destroyOld(manager, tenant, nowMs));
    this.outbox.kick();
    return destroyed;
  }

  private async renewKey(manager: EntityManager, tenant: string, nowMs: number): Promise<void> {
    await this.organisations.hold(manager, tenant);
    const currentMs = await this.sealingKeys.currentSinceMs(manager, tenant, 'requests');
    if (currentMs !== undefined && nowMs < currentMs + keyDays * dayMs) return;
    const requestKey = await this.sealingKeys.create(manager, tenant, 'requests', nowMs);
    await this.changes.publishTenant(manager, tenant);
    await this.changes.record(manager, tenant, { id: this.ids.uuid(), type: 'sealing.rotated', fields: { actor: nobody, requestKey } });
  }

  private async destroyOld(manager: EntityManager, tenant: string, nowMs: number): Promise<string[]> {
    await this.organisations.hold(manager, tenant);
    const { effectiveDays, laws, days } = await this.store.find(manager, tenant);
    if (effectiveDays === null) return [];
    const old = await this.sealingKeys.retiredBefore(manager, tenant, nowMs - graceMs - effectiveDays * dayMs);
    if (old.length === 0) return [];
    const isHeld = await this.heldBy(manager, tenant);
    const over = old.filter((key) => !isHeld(key));
    if (over.length === 0) return [];
    const id = this.ids.uuid();
    const keys = over.map((key) => key.id);
    await this.sealingKeys.destroy(manager, keys, id, nowMs);
    let searchRows = 0;
    for (const { createdAtMs, retiredAtMs } of over) searchRows += await this.search.removeRequests(manager, tenant, createdAtMs, retiredAtMs);
    const [fromMs, untilMs] = [Math.min(...over.map(({ createdAtMs }) => createdAtMs)), Math.max(...over.map(({ retiredAtMs }) => retiredAtMs))];
    await this.changes.record(manager, tenant, { id, type: 'retention.applied', fields: { keys, fromMs, untilMs, laws, days, effectiveDays, searchRows, held: old.length - over.length } });
    return keys;
  }

  private async heldBy(manager: EntityManager, tenant: string): Promise<(key: RetiredKey) => boolean> {
    const holds = await this.holds.live(manager, tenant);
    const since = new Map<string, number>();
    for (const { person } of holds) {
      const madeAtMs = person === null ? undefined : await this.personKeys.madeAtMs(manager, tenant, person);
      if (person !== null && madeAtMs !== undefined) since.set(person, madeAtMs);
    }
    return ({ createdAtMs, retiredAtMs }) => holds.some((hold) => holdsTime(hold, { fromMs: createdAtMs, untilMs: retiredAtMs + graceMs }, (person) => since.get(person)));
  }
}
