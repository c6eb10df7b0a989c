import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, spendAlertsMax, spendPeriodAt } from '#protocol';
import type { FiredAlert, ReplyOf, RequestOf, SpendAlert, SpendAlertState, spendWatchCalls } from '#protocol';
import { withTenant } from '#service';
import { HardLimits } from './hard-limits.service.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { SpendAlertsStore } from './spend-alerts.store.js';

type Calls = typeof spendWatchCalls;

/** Alerts as organisations set them. Every change is an entry of the log. */
@Injectable()
export class SpendAlerts {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(SpendAlertsStore) private readonly store: SpendAlertsStore,
    @Inject(HardLimits) private readonly hardLimits: HardLimits,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {}

  /** Errors: NOT_FOUND, CONFLICT. */
  async put({ actor, tenant, ...asked }: RequestOf<Calls['putAlert']>): Promise<SpendAlert> {
    const { scope, subject, period, amountNanos, thresholds } = asked;
    if (scope === 'organisation' && subject !== tenant) throw failure('NOT_FOUND', 'an alert of the organisation has the organisation as its subject', { subject });
    if (scope === 'project') await this.records.requireProject(tenant, subject);
    const put = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.takeTurn(manager, tenant);
      const all = await this.store.list(manager, tenant);
      const before = all.find((other) => other.scope === scope && other.subject === subject && other.period === period);
      if (before && before.amountNanos === amountNanos && JSON.stringify(sorted(before.thresholds)) === JSON.stringify(sorted(thresholds))) return before;
      if (!before && all.length >= spendAlertsMax) throw failure('CONFLICT', `an organisation has at most ${spendAlertsMax} alerts on spend: remove one`);
      const alert: SpendAlert = { id: before?.id ?? this.ids.uuid(), tenant, ...asked, thresholds: sorted(thresholds), changedAtMs: this.clock.nowMs() };
      await this.store.put(manager, alert);
      await this.record(manager, alert, before ? 'changed' : 'created', actor.keyId);
      return alert;
    });
    this.outbox.kick();
    return put;
  }

  /** Error: NOT_FOUND. */
  async remove({ actor, tenant, id }: RequestOf<Calls['removeAlert']>): Promise<SpendAlert> {
    const removed = await withTenant(this.dataSource, tenant, async (manager) => {
      await this.store.takeTurn(manager, tenant);
      const alert = (await this.store.list(manager, tenant)).find((other) => other.id === id);
      if (!alert) throw failure('NOT_FOUND', 'the organisation has no such alert', { id });
      await this.store.remove(manager, id);
      await this.record(manager, alert, 'removed', actor.keyId);
      return alert;
    });
    this.outbox.kick();
    return removed;
  }

  /** Each with how it stands. */
  list(tenant: string): Promise<SpendAlertState[]> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const alerts = await this.store.list(manager, tenant);
      const periods = alerts.map(({ period }) => spendPeriodAt(period, this.clock.nowMs()));
      const limits = await this.hardLimits.of(manager, alerts);
      const spent = await this.store.spent(manager, alerts.map(({ scope, subject }, index) => ({ tenant, scope, subject, ...periods[index]! })));
      return alerts.map((alert, index) => ({ ...alert, limitNanos: limits[index]!, spentNanos: spent[index]!, fromMs: periods[index]!.fromMs, toMs: alert.period === 'total' ? null : periods[index]!.toMs }));
    });
  }

  async fired({ tenant, after, limit }: RequestOf<Calls['listFired']>): Promise<ReplyOf<Calls['listFired']>> {
    const rows: FiredAlert[] = await withTenant(this.dataSource, tenant, (manager) => this.store.fired(manager, tenant, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  private async record(manager: EntityManager, alert: SpendAlert, change: 'created' | 'changed' | 'removed', keyId: string | null): Promise<void> {
    const { id: alertId, scope, subject, period, amountNanos, thresholds } = alert;
    const fields = { change, alert: alertId, scope, subject, period, amountNanos: amountNanos?.toString() ?? null, thresholds, keyId };
    await this.outbox.record(manager, await this.records.seal(alert.tenant, { id: this.ids.uuid(), type: 'spend-alerts.changed', timeMs: this.clock.nowMs(), fields, facts: null }));
  }
}

const sorted = (thresholds: SpendAlert['thresholds']): SpendAlert['thresholds'] => thresholds.map(({ name, percent }) => ({ name, percent })).sort((a, b) => a.percent - b.percent);
