import { Inject, Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { SERVICE_CONFIG } from '#service';
import type { GovernanceConfig } from '../config.js';
import { Secrets } from '../secrets.js';
import { Witnessing } from './witnessing.service.js';

/** Does a round of witnessing again and again while the service runs; none when there are no witnesses. */
@Injectable()
export class WitnessRounds implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(WitnessRounds.name);
  private readonly intervalMs: number;
  private running: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private lastProblem = '';

  constructor(
    private readonly witnessing: Witnessing,
    private readonly secrets: Secrets,
    @Inject(SERVICE_CONFIG) { AUDIT_WITNESS_INTERVAL_MS }: GovernanceConfig,
  ) {
    this.intervalMs = AUDIT_WITNESS_INTERVAL_MS;
  }

  onApplicationBootstrap(): void {
    if (this.secrets.witnesses.length > 0) this.running = this.round();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private async round(): Promise<void> {
    try {
      await this.witnessing.round();
      this.lastProblem = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.lastProblem) this.logger.warn(`${message}; trying again`);
      this.lastProblem = message;
    }
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = this.round();
    }, this.intervalMs);
  }
}
