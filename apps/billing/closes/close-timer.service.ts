import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { ClosesService } from './closes.service.js';
import { ClosesStore } from './closes.store.js';

const dayMs = 86_400_000;
const lookMs = 30_000;

/** Closes each day once; a day that was slept through is closed with the next. */
@Injectable()
export class CloseTimer extends PeriodicTask {
  private readonly startedAtMs: number;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ClosesStore) private readonly closes: ClosesStore,
    @Inject(ClosesService) private readonly service: ClosesService,
  ) {
    super(lookMs);
    this.startedAtMs = clock.nowMs();
  }

  async runOnce(): Promise<void> {
    const last = await withTenant(this.dataSource, '*', (manager) => this.closes.last(manager));
    if (isDue(this.clock.nowMs(), last?.closedAtMs ?? this.startedAtMs, this.config.BILLING_CLOSE_AT_MINUTES)) await this.service.run();
  }
}

/** Whether the time of day at which books are closed has passed since. */
export function isDue(nowMs: number, closedAtMs: number, atMinutes: number): boolean {
  const offsetMs = atMinutes * 60_000;
  return Math.floor((nowMs - offsetMs) / dayMs) > Math.floor((closedAtMs - offsetMs) / dayMs);
}
