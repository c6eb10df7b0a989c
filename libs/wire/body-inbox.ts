import { limits } from '#protocol';
import { ReceiveCredit } from './credit.js';
import { protocolError } from './version.js';

/** More than the tokens that can arrive together, and far less than a window holds. */
const gatheredBytesMax = 16 * 1024;

/**
 * A response body as it arrives, for one reader, who is given small chunks that came together as one. Credit goes back as the reader takes chunks, so that a slow reader holds at most
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
        const piece = this.nextPiece();
        if (piece !== undefined) {
          yield piece;
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

  /** The chunk that came first, and those after it that are small. */
  private nextPiece(): Buffer | undefined {
    const taken = this.queue.splice(0, 1);
    for (let bytes = taken[0]?.length ?? 0; this.queue.length > 0 && (bytes += this.queue[0]!.length) <= gatheredBytesMax; ) taken.push(this.queue.shift()!);
    for (const _chunk of taken) this.consume();
    return taken.length > 1 ? Buffer.concat(taken) : taken[0];
  }

  private consume(): void {
    const chunks = this.credit.consume();
    if (chunks > 0) this.returned(chunks);
  }
}
