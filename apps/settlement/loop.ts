import { Logger } from '@nestjs/common';

/** Does a piece of work again and again, one at a time, until stopped; an error is logged once until it changes. */
export class Loop {
  private readonly logger: Logger;
  private stopped = false;
  private wake: (() => void) | undefined;
  private isKicked = false;
  private running: Promise<void> | undefined;
  private lastProblem = '';

  constructor(
    name: string,
    /** From the end of a round to the next one; asked after each. */
    private readonly intervalMs: number | (() => number),
    private readonly work: () => Promise<void>,
  ) {
    this.logger = new Logger(name);
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Starts the next round now, or right after the one that is under way: that one may have looked before there was something to see. */
  kick(): void {
    this.isKicked = true;
    this.wake?.();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.isKicked = false;
      try {
        await this.work();
        this.lastProblem = '';
      } catch (error) {
        this.report(error instanceof Error ? error.message : String(error));
      }
      if (!this.stopped && !this.isKicked) await this.pause();
    }
  }

  private report(problem: string): void {
    if (problem !== this.lastProblem && !this.stopped) this.logger.warn(`${problem}; trying again`);
    this.lastProblem = problem;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, typeof this.intervalMs === 'number' ? this.intervalMs : this.intervalMs());
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
