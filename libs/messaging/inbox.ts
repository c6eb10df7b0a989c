import type { EntityManager } from 'typeorm';
import type { ServiceName } from '#protocol';

/** Migration SQL: which messages have had their effect. */
export function inboxTable(schema: string): string {
  return `CREATE TABLE "${schema}".inbox (
    consumer text NOT NULL,
    message_id text NOT NULL,
    done_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
  )`;
}

/** At-least-once on the wire, exactly-once in the books: the dedupe row shares the effect's transaction. */
export class Inbox {
  constructor(private readonly service: ServiceName) {}

  /** `false` when the message already had its effect. */
  async claim(manager: EntityManager, consumer: string, messageId: string): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`INSERT INTO "${this.service}".inbox (consumer, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1`, [consumer, messageId]);
    return rows.length > 0;
  }
}
