import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { spendPeriodAt, spendWatchEvents } from '#protocol';
import type { FiredAlert, SpendAlert } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { HardLimits } from './hard-limits.service.js';
import { reached } from './spend-alert.js';
import { SpendAlertsStore } from './spend-alerts.store.js';

/** Alerts looked at in one transaction: each is a sum over its period's hours. */
const alertsPerPage = 200;

/**
 * Looks what was spent, and tells of each threshold that is reached: an entry of the log, which webhooks deliver, and an event, in the
 * transaction that notes it as fired. The period before counts too, for usage that is booked after its end.
 */
@Injectable()
export class AlertWatch extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(SpendAlertsStore) private readonly store: SpendAlertsStore,
    @Inject(HardLimits) private readonly hardLimits: HardLimits,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {
    super(config.BILLING_SPEND_WATCH_MS);
  }

  /** Answers how many thresholds were fired. */
  async runOnce(): Promise<number> {
    let fired = 0;
    for (let after: string | null = null; !this.isStopping; ) {
      const { due, last } = await this.due(after);
      for (const alert of due) if (await this.fire(alert)) fired += 1;
      if (last === null) break;
      after = last;
    }
    if (fired > 0) this.outbox.kick();
    return fired;
  }

  private due(after: string | null): Promise<{ due: FiredAlert[]; last: string | null }> {
    const nowMs = this.clock.nowMs();
    return withTenant(this.dataSource, '*', async (manager) => {
      const page = await this.store.page(manager, after, alertsPerPage);
      const last = page.length < alertsPerPage ? null : page.at(-1)!.id;
      // What is told is sealed to the organisation: one that the replica does not name yet waits.
      const alerts = page.filter(({ tenant }) => this.records.knows(tenant));
      const watched = alerts.flatMap((alert) => periodsOf(alert, nowMs).map((period) => ({ alert, ...period })));
      if (watched.length === 0) return { due: [], last };
      const limits = new Map((await this.hardLimits.of(manager, alerts)).map((limit, index) => [alerts[index]!.id, limit]));
      const spent = await this.store.spent(manager, watched.map(({ alert: { tenant, scope, subject }, fromMs, toMs }) => ({ tenant, scope, subject, fromMs, toMs })));
      const known = await this.store.firedSince(manager, alerts.map(({ id }) => id), Math.min(...watched.map(({ fromMs }) => fromMs)));
      const due = watched.flatMap(({ alert, fromMs }, index) =>
        reached(alert.thresholds, limits.get(alert.id)!, spent[index]!)
          .filter(({ percent }) => !known.has(`${alert.id} ${fromMs} ${percent}`))
          .map((threshold) => firing(alert, threshold, { id: this.ids.uuid(), fromMs, limitNanos: limits.get(alert.id)!, spentNanos: spent[index]!, firedAtMs: nowMs })),
      );
      return { due, last };
    });
  }

  private fire(fired: FiredAlert): Promise<boolean> {
    return withTenant(this.dataSource, fired.tenant, async (manager) => {
      if (!(await this.store.fire(manager, fired))) return false;
      const { id, tenant, alert, scope, subject, period, fromMs, threshold, limitNanos, spentNanos } = fired;
      const fields = { alert, scope, subject, period, fromMs, threshold: threshold.name, percent: threshold.percent, currency: 'USD', limitNanos: limitNanos.toString(), spentNanos: spentNanos.toString() };
      await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'spend-alert.fired', timeMs: fired.firedAtMs, fields, facts: null }));
      await this.outbox.event(manager, spendWatchEvents.alertFired, fired);
      return true;
    });
  }
}

/** The one that runs, and the one before where the alert was there in it. */
function periodsOf({ period, changedAtMs }: SpendAlert, nowMs: number): { fromMs: number; toMs: number }[] {
  const now = spendPeriodAt(period, nowMs);
  return now.fromMs > changedAtMs ? [spendPeriodAt(period, now.fromMs - 1), now] : [now];
}

const firing = ({ tenant, id: alert, scope, subject, period }: SpendAlert, threshold: FiredAlert['threshold'], rest: Pick<FiredAlert, 'id' | 'fromMs' | 'limitNanos' | 'spentNanos' | 'firedAtMs'>): FiredAlert => ({
  tenant, alert, scope, subject, period, threshold, ...rest,
});
