import { Inject, Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isDomainError } from '#kernel';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SettlementConfig } from '../config.js';
import { Loop } from '../loop.js';
import { PayerStore } from '../payers/payer.store.js';
import { SettleService } from './settle.service.js';

/** A statement that nothing carries is taken up again after this long. */
const strandedMs = 5_000;

/** Runs an epoch of every payer on a timer, takes up again what a crash or a refusal left behind, and goes on where an epoch was full. */
@Injectable()
export class EpochTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(EpochTimer.name);
  private readonly loops: Loop[];

  constructor(
    @Inject(SERVICE_CONFIG) config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly payers: PayerStore,
    private readonly settle: SettleService,
  ) {
    // What was left by the process before us waits no longer; signing is guarded against a twin that is at it too.
    let quietMs = 0;
    const resume = async (): Promise<void> => {
      await this.settle.resume(quietMs);
      await this.settle.goOn();
      quietMs = strandedMs;
    };
    this.loops = [new Loop('StatementResumer', strandedMs, resume)];
    if (config.SETTLEMENT_EPOCH_MS > 0) this.loops.push(new Loop(EpochTimer.name, config.SETTLEMENT_EPOCH_MS, () => this.beginAll()));
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  private async beginAll(): Promise<void> {
    for (const { tenant } of await withTenant(this.dataSource, '*', (manager) => this.payers.all(manager))) {
      try {
        await this.settle.begin(tenant);
      } catch (error) {
        if (!isDomainError(error, 'NOTHING_DUE')) this.logger.warn(`epoch of ${tenant}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
