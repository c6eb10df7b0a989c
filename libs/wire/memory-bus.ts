import { failure } from '#protocol';
import { WireBus } from './bus.js';
import type { WireMessage } from './bus.js';

type Tap = (subject: string, payload: Buffer) => Buffer | readonly Buffer[] | undefined;

/** The order and the failures of a NATS server within one process, for tests of the protocol alone. */
export class MemoryBus extends WireBus {
  private readonly subscriptions = new Set<{ pattern: RegExp; receive: (message: WireMessage) => void }>();
  private inboxes = 0;
  /** Every payload that passed, as an eavesdropper sees them. */
  readonly seen: { subject: string; payload: Buffer }[] = [];
  /** Sees each message first: may change, multiply, hold back or drop it. */
  tap: Tap = (_subject, payload) => payload;

  publish(subject: string, payload: Uint8Array, reply?: string): void {
    const bytes = Buffer.from(payload);
    this.seen.push({ subject, payload: bytes });
    const tapped = this.tap(subject, bytes);
    for (const each of tapped === undefined ? [] : Buffer.isBuffer(tapped) ? [tapped] : tapped) this.deliver(subject, each, reply);
  }

  /** Past the tap. */
  deliver(subject: string, payload: Buffer, reply?: string): void {
    setImmediate(() => {
      const receivers = [...this.subscriptions].filter(({ pattern }) => pattern.test(subject));
      for (const { receive } of receivers) receive({ subject, payload, reply, noResponders: false });
      if (receivers.length === 0 && reply !== undefined) this.noResponders(reply);
    });
  }

  subscribe(subject: string, receive: (message: WireMessage) => void): () => void {
    const pattern = new RegExp(`^${subject.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace('>', '.+')}$`);
    const subscription = { pattern, receive };
    this.subscriptions.add(subscription);
    return () => this.subscriptions.delete(subscription);
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const reply = this.inbox();
    return new Promise((resolve, reject) => {
      const give = (outcome: () => void): void => {
        clearTimeout(timer);
        stop();
        outcome();
      };
      const unreachable = (reason: string) => (): void => reject(failure('NODE_UNREACHABLE', 'the node does not answer', { reason }));
      const timer = setTimeout(() => give(unreachable('timeout')), timeoutMs);
      const stop = this.subscribe(reply, (message) => give(message.noResponders ? unreachable('no-responders') : () => resolve(message.payload)));
      this.publish(subject, payload, reply);
    });
  }

  inbox(): string {
    this.inboxes += 1;
    return `_INBOX_test.${this.inboxes}`;
  }

  private noResponders(reply: string): void {
    for (const { pattern, receive } of [...this.subscriptions]) {
      if (pattern.test(reply)) receive({ subject: reply, payload: Buffer.alloc(0), reply: undefined, noResponders: true });
    }
  }
}
