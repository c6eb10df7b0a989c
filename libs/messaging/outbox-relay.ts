import { Logger } from '@nestjs/common';
import { headers } from '@nats-io/transport-node';
import type { DataSource } from 'typeorm';
import type { ServiceName } from '#protocol';
import { Bus } from './bus.js';
import { kvPrefix, Outbox } from './outbox.js';

const pollMs = 100;
const batchMax = 200;

interface OutboxRow {
  id: string;
  message_id: string;
  subject: string;
  payload: string | null;
  traceparent: string | null;
}

/**
 * Sends what the outbox holds, in order, and deletes it when JetStream has it. Runs in every instance of a service; the row
 * locks of one transaction (`SKIP LOCKED` is not used, so order holds) let one instance work at a time.
 */
export class OutboxRelay {
  private readonly logger = new Logger(OutboxRelay.name);
  private stopped = false;
  private wake: (() => void) | undefined;
  private running: Promise<void> | undefined;

  constructor(
    private readonly service: ServiceName,
    private readonly dataSource: DataSource,
    private readonly bus: Bus,
    outbox: Outbox,
  ) {
    outbox.onKick(() => this.wake?.());
  }

  start(): void {
    this.running = this.loop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake?.();
    await this.running;
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      let sent = 0;
      try {
        if (this.bus.isConnected) sent = await this.sendBatch();
      } catch (error) {
        if (!this.stopped) this.logger.warn(`outbox: ${error instanceof Error ? error.message : String(error)}; trying again`);
      }
      if (sent < batchMax && !this.stopped) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pollMs);
          this.wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    }
  }

  private sendBatch(): Promise<number> {
    return this.dataSource.transaction(async (manager) => {
      const rows = await manager.query<OutboxRow[]>(`SELECT id, message_id, subject, payload, traceparent FROM "${this.service}".outbox ORDER BY id LIMIT ${batchMax} FOR UPDATE`);
      for (const row of rows) await this.send(row);
      if (rows.length > 0) await manager.query(`DELETE FROM "${this.service}".outbox WHERE id = ANY($1::bigint[])`, [rows.map((row) => row.id)]);
      return rows.length;
    });
  }

  private async send(row: OutboxRow): Promise<void> {
    const carried = headers();
    if (row.traceparent) carried.set('traceparent', row.traceparent);
    if (row.payload === null && row.subject.startsWith(kvPrefix)) carried.set('KV-Operation', 'DEL');
    await this.bus.jetstream.publish(row.subject, row.payload ?? '', { msgID: row.message_id, headers: carried, timeout: 3_000 });
  }
}
