import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { spendWatchEvents } from '#protocol';
import type { UnusualSpend } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { lookBackMs, unusual } from './unusual.js';
import { findingKey, UnusualSpendStore } from './unusual-spend.store.js';

const dayMs = 86_400_000;
/** Who used nothing for longer is not looked at: that spend has ended is told on the day after its last, and for a week. */
const activeMs = 8 * dayMs;

/** Holds spend against its own past and tells once of each hour or day that is far from it: an entry of the log, and an event. */
@Injectable()
export class UnusualSpendWatch extends PeriodicTask {
  private readonly floorNanos: bigint;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(UnusualSpendStore) private readonly store: UnusualSpendStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {
    super(config.BILLING_UNUSUAL_SPEND_MS, config.BILLING_UNUSUAL_SPEND_MS);
    this.floorNanos = config.BILLING_UNUSUAL_SPEND_FLOOR_NANOS;
  }

  /** Answers how much was found that was not known. */
  async runOnce(): Promise<number> {
    const active = await withTenant(this.dataSource, '*', (manager) => this.store.activeSince(manager, this.clock.nowMs() - activeMs));
    let told = 0;
    for (const tenant of active) {
      if (this.isStopping) break;
      if (!this.records.knows(tenant)) continue;
      for (const found of await this.look(tenant)) if (await this.tell(found)) told += 1;
    }
    if (told > 0) this.outbox.kick();
    return told;
  }

  private look(tenant: string): Promise<UnusualSpend[]> {
    const nowMs = this.clock.nowMs();
    return withTenant(this.dataSource, tenant, async (manager) => {
      const known = await this.store.knownSince(manager, tenant, nowMs - 2 * dayMs);
      const hours = await this.store.hours(manager, tenant, nowMs - (nowMs % dayMs) - lookBackMs);
      const found = hours.flatMap(({ project, model, spend }) => unusual(spend, nowMs, this.floorNanos).map((finding) => ({ id: this.ids.uuid(), tenant, project, model, ...finding, foundAtMs: nowMs })));
      return found.filter((one) => !known.has(findingKey(one)));
    });
  }

  private tell(found: UnusualSpend): Promise<boolean> {
    return withTenant(this.dataSource, found.tenant, async (manager) => {
      if (!(await this.store.add(manager, found))) return false;
      const { id, tenant, foundAtMs, spentNanos, usualNanos, spreadNanos, ...rest } = found;
      const fields = { ...rest, currency: 'USD', spentNanos: spentNanos.toString(), usualNanos: usualNanos.toString(), spreadNanos: spreadNanos.toString() };
      await this.outbox.record(manager, await this.records.seal(tenant, { id, type: 'spend.unusual', timeMs: foundAtMs, fields, facts: null }));
      await this.outbox.event(manager, spendWatchEvents.unusualSpend, found);
      return true;
    });
  }
}
