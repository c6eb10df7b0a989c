import { setTimeout as pause } from 'node:timers/promises';
import { backgroundLimits, failure } from '#protocol';
import type { Appended, BackgroundEnd } from '#protocol';
import { countEvents } from './sent-events.js';

/** Events that come within this time are stored together. */
const gatherMs = 100;
/** Whoever brings more than this waits until it is stored. */
const heldBytesMax = 256 * 1024;

export type Append = (first: number, count: number, events: Buffer, end?: BackgroundEnd) => Promise<Appended>;

/** Brings the events of one run to its log, some at a time, and holds few of them. */
export class EventLogWriter {
  private held: Buffer[] = [];
  /** What is being stored included. */
  private heldBytes = 0;
  private storedBytes: number;
  private next: number;
  private storing: Promise<void> | undefined;
  private failed: { readonly error: unknown } | undefined;
  private isEnding = false;

  /** `log`: the number of the next event, and the bytes of those before. `cancelled` is called when the scheduler says that the response was. */
  constructor(
    log: { readonly next: number; readonly bytes: number },
    private readonly append: Append,
    private readonly cancelled: () => void,
  ) {
    [this.next, this.storedBytes] = [log.next, log.bytes];
  }

  /** Resolves when more may come; nothing follows the end. Errors: BODY_TOO_LARGE, those of `append`. */
  async write(events: Buffer): Promise<void> {
    if (this.isEnding) return;
    this.assertGood();
    if (this.storedBytes + this.heldBytes + events.length > backgroundLimits.eventBytesMax) throw failure('BODY_TOO_LARGE', `the events of a response have at most ${backgroundLimits.eventBytesMax} bytes`);
    this.held.push(events);
    this.heldBytes += events.length;
    this.storing ??= this.store();
    if (this.heldBytes > heldBytesMax) await this.storing;
    this.assertGood();
  }

  /** Stores what is held; gives the number of the next event. Nothing but the end follows. Errors: those of `append`. */
  async flush(): Promise<number> {
    this.isEnding = true;
    await this.storing;
    this.assertGood();
    return this.next;
  }

  /** Stores the last events. Errors: those of `append`. */
  async end(end: BackgroundEnd, events: Buffer): Promise<Appended> {
    await this.flush();
    return this.append(this.next, countEvents(events), events, end);
  }

  private async store(): Promise<void> {
    try {
      for (let isFirst = true; this.held.length > 0; isFirst = false) {
        if (!isFirst && !this.isEnding && this.heldBytes <= heldBytesMax) await pause(gatherMs);
        const events = Buffer.concat(this.held);
        this.held = [];
        const count = countEvents(events);
        const { isCancelled } = await this.append(this.next, count, events);
        this.next += count;
        this.storedBytes += events.length;
        this.heldBytes -= events.length;
        if (isCancelled) this.cancelled();
      }
    } catch (error) {
      this.failed = { error };
    } finally {
      this.storing = undefined;
    }
  }

  private assertGood(): void {
    if (this.failed) throw this.failed.error;
  }
}
