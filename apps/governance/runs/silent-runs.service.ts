import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { operatorRecord, silentRunMs, uncountedMs } from '#protocol';
import { withTenant } from '#service';
import { GatewayRunStore } from './gateway-runs.store.js';

const lookEveryMs = 15_000;

/** Closes in the log what gateways left open that died: as what is known last, not as all that there was. */
@Injectable()
export class SilentRuns implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SilentRuns.name);
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<unknown> | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly runs: GatewayRunStore,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.close()
        .catch((error: unknown) => this.logger.warn(`silent gateways are not closed yet: ${(error as Error).message}`))
        .finally(() => (this.looking = undefined));
    }, lookEveryMs);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  /** Gives how many were closed. Error: `DATABASE_UNAVAILABLE`. */
  async close(afterMs = uncountedMs, afterSilenceMs = silentRunMs): Promise<number> {
    const closed = await withTenant(this.dataSource, '*', async (manager) => {
      const runs = await this.runs.closeSilent(manager, afterMs, afterSilenceMs);
      for (const fields of runs) await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'run.closed', timeMs: this.clock.nowMs(), fields: { ...fields }, facts: null }));
      return runs.length;
    });
    if (closed > 0) this.outbox.kick();
    return closed;
  }
}
