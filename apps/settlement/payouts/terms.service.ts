import { Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { evmAddress, failure, payoutRuleEvents } from '#protocol';
import type { PayoutMinimum, payoutRuleCalls, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeRecords } from '../changes/change-records.service.js';
import { MinimumStore } from './minimum.store.js';
import type { Scheduled } from './minimum.store.js';
import { nextRun } from './schedule.js';

type Calls = typeof payoutRuleCalls;

/** A run that could not be begun is tried again after this long. */
const againMs = 60_000;

/** An organisation whose time has come; `againAtMs`: when it comes again unless it is done. */
export interface DueRun {
  readonly tenant: string;
  readonly againAtMs: number;
  readonly nextAtMs: number;
}

/** How little and how often organisations pay. */
@Injectable()
export class PayoutTerms {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: MinimumStore,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  async putMinimum({ actor, tenant, payee, minimumNanos }: RequestOf<Calls['putMinimum']>): Promise<PayoutMinimum> {
    const minimum = { tenant, payee: payee === null ? null : getAddress(payee.toLowerCase()), minimumNanos };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.put(manager, minimum);
      await this.changes.of(manager, tenant, 'payout.changed', this.ids.uuid(), { actor: actor.keyId, minimum: { payee: minimum.payee, minimumNanos: minimumNanos.toString() } });
      await this.outbox.event(manager, payoutRuleEvents.termsChanged, { tenant, what: 'minimum' });
    });
    this.outbox.kick();
    return minimum;
  }

  /** Error: REQUEST_INVALID. */
  async listMinimums({ tenant, after, limit }: RequestOf<Calls['listMinimums']>): Promise<ReplyOf<Calls['listMinimums']>> {
    if (after !== undefined && !evmAddress.safeParse(after).success) throw failure('REQUEST_INVALID', '"after" is the address of a payee', { param: 'after' });
    const rows = await withTenant(this.dataSource, tenant, (manager) => this.store.page(manager, tenant, after === undefined ? undefined : getAddress(after.toLowerCase()), limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  async putSchedule({ actor, tenant, schedule }: RequestOf<Calls['putSchedule']>): Promise<ReplyOf<Calls['putSchedule']>> {
    const scheduled = schedule === null ? null : { schedule, nextAtMs: nextRun(schedule, this.clock.nowMs()) };
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.putSchedule(manager, tenant, scheduled);
      await this.changes.of(manager, tenant, 'payout.changed', this.ids.uuid(), { actor: actor.keyId, schedule });
      await this.outbox.event(manager, payoutRuleEvents.termsChanged, { tenant, what: 'schedule' });
    });
    this.outbox.kick();
    return setting(tenant, scheduled);
  }

  async schedule(tenant: string): Promise<ReplyOf<Calls['getSchedule']>> {
    return setting(tenant, await withTenant(this.dataSource, tenant, (manager) => this.store.scheduleOf(manager, tenant)));
  }

  /**
   * The organisations whose time has come, each told to one process only. Who is told says when it is done ({@link done}); else they come again after a minute: what could
   * not be begun does not wait for the next month. What was missed while nobody ran is made up for once.
   */
  async takeDue(): Promise<DueRun[]> {
    const nowMs = this.clock.nowMs();
    return withTenant(this.dataSource, '*', async (manager) => {
      const taken: DueRun[] = [];
      for (const { tenant, schedule, nextAtMs } of await this.store.due(manager, nowMs)) {
        const againAtMs = nowMs + againMs;
        if (await this.store.advance(manager, tenant, nextAtMs, againAtMs)) taken.push({ tenant, againAtMs, nextAtMs: nextRun(schedule, nowMs) });
      }
      return taken;
    });
  }

  /** A run was begun, or nothing was due: the next one is when the schedule says. Does nothing where the schedule was changed meanwhile. */
  async done({ tenant, againAtMs, nextAtMs }: DueRun): Promise<void> {
    await withTenant(this.dataSource, tenant, (manager) => this.store.advance(manager, tenant, againAtMs, nextAtMs));
  }

  /** How long until the next one is due; for ever while there is none. */
  async untilNextMs(): Promise<number> {
    const nextAtMs = await withTenant(this.dataSource, '*', (manager) => this.store.nextDueMs(manager));
    return nextAtMs === null ? Infinity : Math.max(0, nextAtMs - this.clock.nowMs());
  }

  /** Organisations that keep to a schedule of their own. */
  scheduledTenants(): Promise<Set<string>> {
    return withTenant(this.dataSource, '*', (manager) => this.store.scheduledTenants(manager));
  }
}

const setting = (tenant: string, scheduled: Scheduled | null): ReplyOf<Calls['getSchedule']> => ({ tenant, schedule: scheduled?.schedule ?? null, nextAtMs: scheduled?.nextAtMs ?? null });
