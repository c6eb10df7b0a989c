import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { operatorRecord, silentRunMs, uncountedMs } from '#protocol';
import { PeriodicTask, withTenant } from '#service';
import { GatewayRunStore } from './gateway-runs.store.js';

const lookEveryMs = 15_000;

/** Closes in the log what gateways left open that died: as what is known last, not as all that there was. */
@Injectable()
export class SilentRuns extends PeriodicTask {
  constructor(
    private readonly dataSource: DataSource,
    private readonly runs: GatewayRunStore,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {
    super(lookEveryMs, lookEveryMs);
  }

  runOnce(): Promise<number> {
    return this.close();
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
