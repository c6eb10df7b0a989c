import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { PeriodicTask, withTenant } from '#service';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Retention } from './retention.service.js';

/** Periods are of days. */
const roundMs = 3_600_000;
/** The first round comes when the start is over. */
const firstMs = 30_000;

/** Gives every organisation its turn, one after the other. Any number of instances may do so at once. */
@Injectable()
export class RetentionRounds extends PeriodicTask {
  private readonly logger = new Logger(RetentionRounds.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly organisations: OrganisationStore,
    private readonly retention: Retention,
    private readonly clock: Clock,
  ) {
    super(roundMs, firstMs);
  }

  runOnce(): Promise<void> {
    return this.round();
  }

  /** An organisation whose KMS is away waits for the next round, and nobody else does. */
  async round(nowMs = this.clock.nowMs()): Promise<void> {
    const all = await withTenant(this.dataSource, '*', (manager) => this.organisations.list(manager, undefined, 2 ** 31 - 1));
    for (const { id: tenant } of all) {
      if (this.isStopping) return;
      try {
        const destroyed = await this.retention.apply(tenant, nowMs);
        if (destroyed.length > 0) this.logger.log({ message: `${destroyed.length} keys of requests are destroyed: their period is over`, tenant });
      } catch (error) {
        this.logger.warn({ message: `retention is not applied: ${(error as Error).message}`, tenant });
      }
    }
  }
}
