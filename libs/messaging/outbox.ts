import { z } from 'zod';
import type { EntityManager } from 'typeorm';
import { Ids } from '#kernel';
import type { Event, LogRecord, PayloadOf, Replica, ServiceName, ValueOf } from '#protocol';
import { failure, recordCommit } from '#protocol';
import { currentTraceparent } from './trace-carrier.js';

/** Migration SQL: publications wait here, written by the transaction of the change they tell of. */
export function outboxTable(schema: string): string {
  return `CREATE TABLE "${schema}".outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id uuid NOT NULL UNIQUE,
    subject text NOT NULL,
    payload text,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT now()
  )`;
}

/** Below the default payload limit of NATS (1 MiB) with room for headers: a larger one could never be sent and would stop all behind it. */
const payloadBytesMax = 1_000_000;

/** KV subjects carry the value as such; a NULL payload deletes the key. */
export const kvPrefix = '$KV.';

/** Writes publications into the caller's transaction; the relay sends them after the commit. Never publish otherwise. */
export class Outbox {
  private listener: (() => void) | undefined;

  constructor(
    private readonly service: ServiceName,
    private readonly ids: Ids,
  ) {}

  /** A fact for other services. Consumers deduplicate by the message id. */
  async event<E extends Event>(manager: EntityManager, event: E, payload: PayloadOf<E>): Promise<void> {
    await this.add(manager, event.subject, JSON.stringify(z.encode(event.payload, payload)));
  }

  /** A log entry produced by this service. */
  async record(manager: EntityManager, record: LogRecord): Promise<void> {
    await this.add(manager, `mizan.record.${this.service}`, JSON.stringify(z.encode(recordCommit, { v: 1, records: [record] })));
  }

  /** The new value of a replicated key; `null` deletes it. */
  async replica<R extends Replica>(manager: EntityManager, replica: R, key: string, value: ValueOf<R> | null): Promise<void> {
    await this.add(manager, `${kvPrefix}${replica.bucket}.${key}`, value === null ? null : JSON.stringify(z.encode(replica.value, value)));
  }

  /** Wakes the relay; call after the commit to save its polling interval. */
  kick(): void {
    this.listener?.();
  }

  onKick(listener: () => void): void {
    this.listener = listener;
  }

  private async add(manager: EntityManager, subject: string, payload: string | null): Promise<void> {
    if (payload !== null && Buffer.byteLength(payload) > payloadBytesMax) throw failure('BODY_TOO_LARGE', `${subject}: ${payload.length} characters do not fit one message; make it smaller`);
    await manager.query(`INSERT INTO "${this.service}".outbox (message_id, subject, payload, traceparent) VALUES ($1, $2, $3, $4)`, [
      this.ids.uuid(),
      subject,
      payload,
      currentTraceparent() ?? null,
    ]);
  }
}
