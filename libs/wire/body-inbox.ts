import { limits } from '#protocol';
import { ReceiveCredit } from './credit.js';
import { protocolError } from './version.js';

/**
 * A response body as it arrives, for one reader, who is given at once all that has come: small chunks that arrive together cost a reader
 * no more than one. Credit goes back as the reader takes chunks, so that a slow reader holds at most
 * a window of them here and stops the node.
 */
export class BodyInbox implements AsyncIterable<Buffer> {
  private readonly credit = new ReceiveCredit();
  private readonly queue: Buffer[] = [];
  private bytes = 0;
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private wake: (() => void) | undefined;

  /** `returned`: chunks whose credit goes back to the node now. `left`: the reader went away before the end. */
  constructor(
    private readonly returned: (chunks: number) => void,
    private readonly left: () => void,
  ) {}

  /** Errors: NODE_PROTOCOL (no credit, an answer over the limit). */
  push(chunk: Buffer): void {
    this.credit.arrived();
    this.bytes += chunk.length;
    if (this.bytes > limits.responseBytesMax) throw protocolError(`the answer is over ${limits.responseBytesMax} bytes`);
    // What nobody will read is consumed at once.
    if (this.failure !== undefined) return this.consume();
    this.queue.push(chunk);
    this.wake?.();
  }

  /** Everything that waits, taken. */
  drain(): Buffer[] {
    const waiting = this.queue.splice(0);
    for (const _chunk of waiting) this.consume();
    return waiting;
  }

  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** What arrived before is still read, unless it is dropped. */
  fail(error: unknown, drop = false): void {
    if (this.ended || this.failure !== undefined) return;
    this.failure = { error };
    if (drop) this.drain();
    this.wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    let whole = false;
    try {
      for (;;) {
        const waiting = this.drain();
        if (waiting.length > 0) {
          yield waiting.length === 1 ? waiting[0]! : Buffer.concat(waiting);
        } else if (this.failure !== undefined) {
          whole = true;
          throw this.failure.error;
        } else if (this.ended) {
          whole = true;
          return;
        } else {
          await new Promise<void>((resolve) => (this.wake = resolve));
          this.wake = undefined;
        }
      }
    } finally {
      if (!whole) this.left();
    }
  }

  private consume(): void {
    const chunks = this.credit.consume();
    if (chunks > 0) this.returned(chunks);
  }
}
