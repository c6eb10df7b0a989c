import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, payoutRuleEvents, uuid } from '#protocol';
import type { PayoutHold, payoutRuleCalls, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeRecords } from '../changes/change-records.service.js';
import { Screening } from '../screening/screening.service.js';
import { HoldStore } from './hold.store.js';

type Calls = typeof payoutRuleCalls;

/** Holds payees back. What is owed to them stays owed: nothing here takes from anybody. */
@Injectable()
export class Holds {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: HoldStore,
    private readonly screening: Screening,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** Error: REQUEST_INVALID. */
  async place({ actor, tenant, payee, reason, untilMs }: RequestOf<Calls['placeHold']>): Promise<PayoutHold> {
    if (untilMs !== null && untilMs <= this.clock.nowMs()) throw failure('REQUEST_INVALID', '"untilMs" is over already', { param: 'untilMs' });
    const hold = this.holdOf(tenant, getAddress(payee.toLowerCase()), { source: 'person', reason, placedBy: actor.keyId, untilMs });
    await this.visible(tenant, (manager) => this.put(manager, hold));
    this.outbox.kick();
    return hold;
  }

  /** Holds by every payer whom a screening found, once each. */
  async placeForHits(hits: ReadonlyMap<string, string>): Promise<void> {
    for (const [payee, where] of hits) {
      const hold = this.holdOf(null, payee, { source: 'screening', reason: `listed: ${where}`, placedBy: null, untilMs: null });
      await withTenant(this.dataSource, '*', (manager) => this.put(manager, hold));
    }
    if (hits.size > 0) this.outbox.kick();
  }

  /** Errors: NOT_FOUND; SANCTIONED, SCREENING_UNAVAILABLE. */
  async release({ actor, tenant, id, note }: RequestOf<Calls['releaseHold']>): Promise<PayoutHold> {
    const found = await this.visible(tenant, (manager) => this.store.lock(manager, id));
    if (found?.source === 'screening' && found.releasedAtMs === null) await this.screening.requireClear(found.payee, 'payee');
    const released = await this.visible(tenant, async (manager) => {
      const hold = await this.store.lock(manager, id);
      if (hold?.releasedAtMs !== null) return hold;
      await this.store.release(manager, id, this.clock.nowMs(), note);
      await this.record(manager, hold, 'payee.released', { actor: actor.keyId, note });
      await this.outbox.event(manager, payoutRuleEvents.released, { payee: hold.payee, tenant: hold.tenant, hold: id });
      return this.store.lock(manager, id);
    });
    if (!released) throw failure('NOT_FOUND', 'there is no such hold of yours');
    this.outbox.kick();
    return released;
  }

  /** An organisation is told of holds by every payer, and not why. Error: REQUEST_INVALID. */
  async list({ tenant, after, limit }: RequestOf<Calls['listHolds']>): Promise<ReplyOf<Calls['listHolds']>> {
    if (after !== undefined && !uuid.safeParse(after).success) throw failure('REQUEST_INVALID', '"after" is the id of a hold', { param: 'after' });
    const rows = await withTenant(this.dataSource, '*', (manager) => this.store.page(manager, { tenant, after, limit: limit + 1 }));
    const shown = rows.map((hold) => (tenant !== null && hold.tenant === null ? { ...hold, reason: 'held by the operator', placedBy: null, releaseNote: null } : hold));
    return { data: shown.slice(0, limit), hasMore: rows.length > limit };
  }

  private holdOf(tenant: string | null, payee: string, more: Pick<PayoutHold, 'source' | 'reason' | 'placedBy' | 'untilMs'>): PayoutHold {
    return { id: this.ids.uuid(), tenant, payee, ...more, placedAtMs: this.clock.nowMs(), releasedAtMs: null, releaseNote: null };
  }

  private async put(manager: EntityManager, hold: PayoutHold): Promise<void> {
    if (!(await this.store.insert(manager, hold))) return;
    await this.record(manager, hold, 'payee.held', { actor: hold.placedBy, untilMs: hold.untilMs });
    await this.outbox.event(manager, payoutRuleEvents.held, { payee: hold.payee, tenant: hold.tenant, hold: hold.id, source: hold.source });
  }

  /** The deployment's entries are public: of a person's reason they hold the hash. */
  private record(manager: EntityManager, { id, tenant, payee, source, reason }: PayoutHold, type: 'payee.held' | 'payee.released', more: { actor: string | null; untilMs?: number | null; note?: string }): Promise<void> {
    const fields = { hold: id, payee, source };
    if (tenant !== null) return this.changes.of(manager, tenant, type, id, { ...fields, reason, ...more });
    const { untilMs, actor } = more;
    return this.changes.ofDeployment(manager, type, id, { ...fields, reasonSha256: createHash('sha256').update(reason).digest('hex'), actor, ...(untilMs === undefined ? {} : { untilMs }) });
  }

  private visible<T>(tenant: string | null, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return withTenant(this.dataSource, tenant ?? '*', work);
  }
}
