import { Logger } from '@nestjs/common';
import { isDomainError } from '#kernel';
import type { ClaimedLine } from '#protocol';
import type { LineQueue } from './line-queue.js';
import type { LineRunner } from './line-runner.js';

/** How often a gateway with nothing to do asks for lines, and how long it leaves a scheduler alone that does not answer. */
const idleMs = 1_000;
const awayMs = 5_000;

/** Takes lines of batches as fast as it finishes them, never more at once than it may, and tells the scheduler that they live. */
export class LineWorker {
  private readonly logger = new Logger(LineWorker.name);
  private readonly running = new Map<ClaimedLine, Promise<void>>();
  private wake: (() => void) | undefined;
  private stopped = false;
  private looping: Promise<void> | undefined;
  private renewing: NodeJS.Timeout | undefined;

  constructor(
    private readonly queue: LineQueue,
    private readonly runner: LineRunner,
    private readonly atOnceMax: number,
  ) {}

  start(): void {
    if (this.atOnceMax > 0) this.looping = this.loop();
  }

  /** No new lines; those that run end. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    await this.looping;
    await Promise.all(this.running.values());
    clearInterval(this.renewing);
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      const free = this.atOnceMax - this.running.size;
      const waitMs = free > 0 ? await this.take(free) : idleMs;
      if (waitMs > 0 && !this.stopped) await this.sleep(waitMs);
    }
  }

  /** Claims up to `free` lines; gives how long to wait before the next look. */
  private async take(free: number): Promise<number> {
    try {
      const { lines, leaseMs } = await this.queue.claim(free);
      for (const line of lines) this.begin(line);
      this.renewing ??= setInterval(() => void this.renew(), leaseMs / 3).unref();
      return lines.length === free ? 0 : idleMs;
    } catch (error) {
      if (!isDomainError(error, 'SERVICE_UNAVAILABLE')) this.logger.warn(`lines cannot be claimed: ${error instanceof Error ? error.message : String(error)}`);
      return awayMs;
    }
  }

  private begin(line: ClaimedLine): void {
    const run = this.runner.run(line).finally(() => {
      this.running.delete(line);
      // A queue that gave all that was asked for has more.
      this.wake?.();
    });
    this.running.set(line, run);
  }

  private async renew(): Promise<void> {
    if (this.running.size > 0) await this.queue.renew([...this.running.keys()]).catch(() => undefined);
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }
}
