import { limits } from '#protocol';
import { protocolError } from './version.js';

/** The sender's half of a window: how many more chunks of one job and direction may leave. */
export class SendCredit {
  private left: number = limits.creditWindow;

  /** Takes one chunk's credit; false when there is none. */
  take(): boolean {
    if (this.left === 0) return false;
    this.left -= 1;
    return true;
  }

  /** Error: NODE_PROTOCOL when the receiver gives more than it could have consumed. */
  give(chunks: number): void {
    if (this.left + chunks > limits.creditWindow) throw protocolError(`credit for ${this.left + chunks} chunks is over the window of ${limits.creditWindow}`);
    this.left += chunks;
  }
}

/** Credit is returned when half a window has been consumed: two messages per 2 MiB, and the sender never runs dry. */
const returnAt = limits.creditWindow / 2;

/** The receiver's half: refuses what was sent without credit, and says when to return how much. */
export class ReceiveCredit {
  private outstanding = 0;
  private consumed = 0;

  /** Error: NODE_PROTOCOL when the sender exceeds its window. */
  arrived(): void {
    if (this.outstanding === limits.creditWindow) throw protocolError(`a chunk was sent without credit (window ${limits.creditWindow})`);
    this.outstanding += 1;
  }

  /** Chunks to return to the sender now, zero for none yet. */
  consume(): number {
    this.consumed += 1;
    if (this.consumed < returnAt) return 0;
    const chunks = this.consumed;
    this.outstanding -= chunks;
    this.consumed = 0;
    return chunks;
  }
}
