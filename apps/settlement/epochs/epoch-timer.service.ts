import { Inject, Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isDomainError } from '#kernel';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SettlementConfig } from '../config.js';
import { Loop } from '../loop.js';
import { waitMsOf } from '../payers/delegation.js';
import { PayerStore } from '../payers/payer.store.js';
import { PayoutTerms } from '../payouts/terms.service.js';
import { SettleService } from './settle.service.js';

/** A statement that nothing carries is taken up again after this long. */
const strandedMs = 5_000;

/** Epochs that are begun at a time: each takes a few of the service's eight connections to its database, and some questions to the chain. */
const begunAtOnce = 4;

/** How often schedules are looked at, for somebody may change one; what is due sooner is not waited for longer. */
const scheduleMs = 1_000;

/** Runs an epoch of every payer on a timer or when its own schedule says, takes up again what a crash or a refusal left behind, and goes on where an epoch was full. */
@Injectable()
export class EpochTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(EpochTimer.name);
  private readonly loops: Loop[];
  private scheduleWaitMs = scheduleMs;

  constructor(
    @Inject(SERVICE_CONFIG) config: SettlementConfig,
    private readonly dataSource: DataSource,
    private readonly payers: PayerStore,
    private readonly settle: SettleService,
    private readonly terms: PayoutTerms,
  ) {
    // What was left by the process before us waits no longer; signing is guarded against a twin that is at it too.
    let quietMs = 0;
    const resume = async (): Promise<void> => {
      await this.settle.resume(quietMs);
      await this.settle.goOn();
      quietMs = strandedMs;
    };
    this.loops = [new Loop('StatementResumer', strandedMs, resume), new Loop('PayoutSchedules', () => this.scheduleWaitMs, () => this.beginScheduled())];
    if (config.SETTLEMENT_EPOCH_MS > 0) this.loops.push(new Loop(EpochTimer.name, config.SETTLEMENT_EPOCH_MS, () => this.beginAll()));
  }

  onApplicationBootstrap(): void {
    for (const loop of this.loops) loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  private async beginAll(): Promise<void> {
    const scheduled = await this.terms.scheduledTenants();
    const payers = await withTenant(this.dataSource, '*', (manager) => this.payers.all(manager));
    await this.eachOf(payers.filter(({ tenant }) => !scheduled.has(tenant)), ({ tenant }) => this.beginOne(tenant));
  }

  private async beginScheduled(): Promise<void> {
    this.scheduleWaitMs = scheduleMs;
    await this.eachOf(await this.terms.takeDue(), async (due) => {
      if (await this.beginOne(due.tenant)) await this.terms.done(due);
    });
    this.scheduleWaitMs = Math.min(scheduleMs, await this.terms.untilNextMs());
  }

  /** All are due at one moment: the last waits for few of the others only. */
  private async eachOf<T>(due: readonly T[], begin: (one: T) => Promise<unknown>): Promise<void> {
    const rest = [...due];
    const takeNext = async (): Promise<void> => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) await begin(next);
    };
    await Promise.all(Array.from({ length: begunAtOnce }, takeNext));
  }

  /** False when it should be tried again. */
  private async beginOne(tenant: string): Promise<boolean> {
    try {
      await this.settle.begin(tenant);
      return true;
    } catch (error) {
      if (isDomainError(error, 'NOTHING_DUE')) return true;
      // It comes by itself; a schedule that is due stays so until then, whatever becomes of this process.
      if (this.settle.postpone(tenant, error) && waitMsOf(error) !== null) return false;
      this.logger.warn(`epoch of ${tenant}: ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  }
}
