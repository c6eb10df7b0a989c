import { createHash } from 'node:crypto';
import { chunksOf } from './chunks.js';
import { SendCredit } from './credit.js';

/** Sends a response body within credit, and hashes what it sent. */
export class BodyOutlet {
  private readonly credit = new SendCredit();
  private readonly hash = createHash('sha256');
  private wake: (() => void) | undefined;

  constructor(
    private readonly signal: AbortSignal,
    private readonly send: (chunk: Buffer) => void,
  ) {
    signal.addEventListener('abort', () => this.wake?.(), { once: true });
  }

  /** Error: NODE_PROTOCOL for more credit than was used. */
  give(chunks: number): void {
    this.credit.give(chunks);
    this.wake?.();
  }

  /** Resolves when all has been sent; rejects with the signal's reason. */
  async write(body: Buffer | AsyncIterable<Buffer>): Promise<void> {
    for await (const part of Buffer.isBuffer(body) ? [body] : body) {
      for (const chunk of chunksOf(part)) {
        while (!this.credit.take()) await this.moreCredit();
        this.signal.throwIfAborted();
        this.hash.update(chunk);
        this.send(chunk);
      }
    }
  }

  /** Lower-case hex SHA-256 of everything sent; only once. */
  digest(): string {
    return this.hash.digest('hex');
  }

  private async moreCredit(): Promise<void> {
    this.signal.throwIfAborted();
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = undefined;
    this.signal.throwIfAborted();
  }
}
