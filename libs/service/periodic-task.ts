import { Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';

/** Work that is done again and again, one run after the other, until the service stops. A failed run is logged and tried again. */
export abstract class PeriodicTask implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly taskLogger = new Logger(this.constructor.name);
  private stopped = false;
  private wake: (() => void) | undefined;
  private running: Promise<void> = Promise.resolve();

  /** `firstMs`: how long the first round waits. */
  protected constructor(
    private readonly intervalMs: number,
    private readonly firstMs = 0,
  ) {}

  /** A long round ends early then. */
  protected get isStopping(): boolean {
    return this.stopped;
  }

  /** One round. */
  abstract runOnce(): Promise<unknown>;

  onApplicationBootstrap(): void {
    this.running = this.loop();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    await this.running;
  }

  private async loop(): Promise<void> {
    if (this.firstMs > 0) await this.pause(this.firstMs);
    while (!this.stopped) {
      await this.runOnce().catch((error: unknown) => this.taskLogger.warn(`${error instanceof Error ? error.message : String(error)}; trying again`));
      if (!this.stopped) await this.pause(this.intervalMs);
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
