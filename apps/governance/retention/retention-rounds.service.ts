import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { withTenant } from '#service';
import { OrganisationStore } from '../organisations/organisations.store.js';
import { Retention } from './retention.service.js';

/** Periods are of days. */
const roundMs = 3_600_000;
/** The first round comes when the start is over. */
const firstMs = 30_000;

/** Gives every organisation its turn, one after the other. Any number of instances may do so at once. */
@Injectable()
export class RetentionRounds implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RetentionRounds.name);
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly organisations: OrganisationStore,
    private readonly retention: Retention,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.next(firstMs);
  }

  async onApplicationShutdown(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** An organisation whose KMS is away waits for the next round, and nobody else does. */
  async round(nowMs = this.clock.nowMs()): Promise<void> {
    const all = await withTenant(this.dataSource, '*', (manager) => this.organisations.list(manager, undefined, 2 ** 31 - 1));
    for (const { id: tenant } of all) {
      if (this.isStopped) return;
      try {
        const destroyed = await this.retention.apply(tenant, nowMs);
        if (destroyed.length > 0) this.logger.log({ message: `${destroyed.length} keys of requests are destroyed: their period is over`, tenant });
      } catch (error) {
        this.logger.warn({ message: `retention is not applied: ${(error as Error).message}`, tenant });
      }
    }
  }

  private next(afterMs: number): void {
    this.timer = setTimeout(() => {
      this.running = this.round()
        .catch((error: unknown) => this.logger.warn(`retention: ${(error as Error).message}; trying again`))
        .finally(() => (this.isStopped ? undefined : this.next(roundMs)));
    }, afterMs);
    this.timer.unref();
  }
}
