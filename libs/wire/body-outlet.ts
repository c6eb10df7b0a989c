import { createHash } from 'node:crypto';
import { chunksOf } from './chunks.js';
import { SendCredit } from './credit.js';

/** Sends a response body within credit, and hashes what it sent. Takes from the body only what it can send: a slow reader stops the engine. */
export class BodyOutlet {
  private readonly credit = new SendCredit();
  private readonly hash = createHash('sha256');
  /** Ends whatever is waited for. */
  private interrupt: (() => void) | undefined;
  private waitsForCredit = false;
  private bytes = 0;

  constructor(
    private readonly signal: AbortSignal,
    private readonly send: (chunk: Buffer) => void,
  ) {
    signal.addEventListener('abort', () => this.interrupt?.(), { once: true });
  }

  get sentBytes(): number {
    return this.bytes;
  }

  /** Error: NODE_PROTOCOL for more credit than was used. */
  give(chunks: number): void {
    this.credit.give(chunks);
    if (this.waitsForCredit) this.interrupt?.();
  }

  /** Resolves when all has been sent; rejects with the signal's reason at once, or with the body's error. */
  async write(body: Buffer | AsyncIterable<Buffer>): Promise<void> {
    if (Buffer.isBuffer(body)) return this.sendAll(body);
    const parts = body[Symbol.asyncIterator]();
    try {
      for (;;) {
        const part = await this.unlessAborted(parts.next());
        if (part.done === true) return;
        await this.sendAll(part.value);
      }
    } catch (error) {
      void Promise.resolve(parts.return?.()).catch(() => undefined);
      throw error;
    }
  }

  /** Lower-case hex SHA-256 of everything sent; only once. */
  digest(): string {
    return this.hash.digest('hex');
  }

  private async sendAll(part: Buffer): Promise<void> {
    for (const chunk of chunksOf(part)) {
      while (!this.credit.take()) await this.moreCredit();
      this.signal.throwIfAborted();
      this.hash.update(chunk);
      this.bytes += chunk.length;
      this.send(chunk);
    }
  }

  private async moreCredit(): Promise<void> {
    this.signal.throwIfAborted();
    this.waitsForCredit = true;
    await new Promise<void>((resolve) => (this.interrupt = resolve));
    this.waitsForCredit = false;
    this.interrupt = undefined;
    this.signal.throwIfAborted();
  }

  /** The engine's next piece; an engine that does not heed the signal is not waited for. */
  private async unlessAborted<T>(next: Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    try {
      return await new Promise<T>((resolve, reject) => {
        this.interrupt = () => reject(this.signal.reason as Error);
        next.then(resolve, reject);
      });
    } finally {
      this.interrupt = undefined;
    }
  }
}
