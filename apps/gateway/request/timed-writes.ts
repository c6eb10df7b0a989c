import type { StreamOutlet } from './streamed-job.js';

/** What had arrived before the deadline is still given on. */
const lookAgainMs = 1_000;

/** Writes to a client that may not read: from `withinMs` on nobody waits for it, and it is dropped. */
export class TimedWrites {
  private isWaiting = false;
  private late: NodeJS.Timeout;

  constructor(
    private readonly outlet: StreamOutlet,
    withinMs: number,
  ) {
    this.late = setTimeout(() => this.look(), withinMs);
  }

  /** Resolves when the client can take more, or has gone. */
  async write(bytes: Buffer): Promise<void> {
    this.isWaiting = true;
    await this.outlet.write(bytes);
    this.isWaiting = false;
  }

  /** Nothing is written any more. */
  end(): void {
    clearTimeout(this.late);
  }

  private look(): void {
    if (this.isWaiting) this.outlet.drop();
    else this.late = setTimeout(() => this.look(), lookAgainMs);
  }
}
