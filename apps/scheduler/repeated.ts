import { Logger } from '@nestjs/common';

/** Work that is done again and again, never twice at once; a failure is logged and the next turn tries again. */
export class Repeated {
  private readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;
  private again = false;
  private stopped = false;

  constructor(
    name: string,
    private readonly everyMs: number,
    private readonly work: () => Promise<void>,
  ) {
    this.logger = new Logger(name);
  }

  start(): void {
    this.schedule(0);
  }

  /** Does not wait for the next turn; what is asked for during one is done right after it. */
  wake(): void {
    this.again = true;
    if (!this.working) this.schedule(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.working;
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.again = false;
      this.working = this.work()
        .catch((error: unknown) => this.logger.warn(error instanceof Error ? (error.stack ?? error.message) : String(error)))
        .finally(() => {
          this.working = undefined;
          this.schedule(this.again ? 0 : this.everyMs);
        });
    }, delayMs);
  }
}
