import { headers } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { nodeSubjects, uuid } from '#protocol';
import type { SignedReceipt } from '#protocol';
import type { ReceiptJournal } from './journal.js';

/** Receipts under way to the server at once. */
const inFlightMax = 16;
const retryMs = 1_000;

const settledMessage = z.object({ records: z.array(uuid) });

/**
 * Brings every receipt to the server of the RECEIPTS stream, which answers nobody, and forgets one when billing says that it is
 * settled. Whatever is unsettled is sent again at start and after each reconnection: billing answers a settled one with `settled`.
 */
export class ReceiptSender {
  private readonly pending = new Map<string, SignedReceipt>();
  private readonly sending = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly stopListening: () => void;

  constructor(
    private readonly connection: NatsConnection,
    private readonly node: string,
    private readonly journal: ReceiptJournal,
    private readonly warn: (message: string) => void,
  ) {
    const subscription = connection.subscribe(nodeSubjects.settled(node), {
      callback: (error, msg) => {
        if (error === null) this.settled(msg.data);
      },
    });
    this.stopListening = () => subscription.unsubscribe();
  }

  /** A receipt was just kept. */
  send(record: string, receipt: SignedReceipt): void {
    this.pending.set(record, receipt);
    this.pump();
  }

  sendUnsettled(): void {
    for (const [record, receipt] of this.journal.unsettled()) this.pending.set(record, receipt);
    this.pump();
  }

  /** Resolves when nothing is pending or `patienceMs` have passed; what is left is sent at the next start. */
  async flush(patienceMs: number): Promise<void> {
    const until = performance.now() + patienceMs;
    while (this.pending.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.stopped = true;
    clearTimeout(this.timer);
    this.stopListening();
  }

  private pump(): void {
    for (const [record, receipt] of this.pending) {
      if (this.stopped || this.sending.size >= inFlightMax) return;
      if (!this.sending.has(record)) void this.sendOne(record, receipt);
    }
  }

  private async sendOne(record: string, receipt: SignedReceipt): Promise<void> {
    this.sending.add(record);
    try {
      const carried = headers();
      carried.set('Nats-Msg-Id', `${this.node}:${record}`);
      this.connection.publish(nodeSubjects.receipt(this.node), JSON.stringify(receipt), { headers: carried });
      await this.connection.flush();
      this.pending.delete(record);
      this.sending.delete(record);
      this.pump();
    } catch (error) {
      this.sending.delete(record);
      this.retryLater(error);
    }
  }

  private retryLater(error: unknown): void {
    if (this.timer !== undefined || this.stopped) return;
    this.warn(`receipts: ${error instanceof Error ? error.message : String(error)}; trying again`);
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.pump();
    }, retryMs);
  }

  private settled(bytes: Uint8Array): void {
    let records: readonly string[] | undefined;
    try {
      records = settledMessage.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data?.records;
    } catch {
      return;
    }
    for (const record of records ?? []) this.pending.delete(record);
    this.journal.settle(records ?? []).catch((error: unknown) => this.warn(`receipts: ${String(error)}`));
  }
}
