import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sealedBody, type DeadDelivery, type RecordType, type SealedBody, type Webhook } from '#protocol';

interface WebhookRow {
  id: string;
  tenant: string;
  url: string;
  types: RecordType[] | null;
  types_before: FormerTypes[];
  state: Webhook['state'];
  secret: unknown;
  old_secret: unknown;
  old_until_ms: string | null;
  position: string;
  attempts: number;
  dead_in_a_row: number;
  last_error: string | null;
  next_attempt_ms: string;
  created_at_ms: string;
}

/** What was asked for of the entries before an index: an endpoint that is behind gets those as it asked for them then. */
export interface FormerTypes {
  readonly before: number;
  readonly types: readonly RecordType[] | null;
}

/** An endpoint with what its deliveries are signed with. */
export interface StoredWebhook extends Webhook {
  /** In the order of the indices; none when it is not behind a change. */
  readonly typesBefore: readonly FormerTypes[];
  readonly secrets: readonly SealedBody[];
  readonly deadInARow: number;
}

/** How the delivery of an endpoint stands. */
export type Progress = Pick<StoredWebhook, 'state' | 'position' | 'attempts' | 'deadInARow' | 'lastError' | 'nextAttemptMs'>;

@Injectable()
export class WebhookStore {
  async insert(manager: EntityManager, made: Omit<Webhook, 'attempts' | 'lastError'>, secret: SealedBody): Promise<void> {
    await manager.query(
      'INSERT INTO governance.webhooks (id, tenant, url, types, state, secret, position, next_attempt_ms, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      [made.id, made.tenant, made.url, made.types, made.state, JSON.stringify(secret), made.position, made.nextAttemptMs, made.createdAtMs],
    );
  }

  async list(manager: EntityManager, tenant: string, nowMs: number): Promise<StoredWebhook[]> {
    const rows = await manager.query<WebhookRow[]>('SELECT * FROM governance.webhooks WHERE tenant = $1 ORDER BY id', [tenant]);
    return rows.map((row) => fromRow(row, nowMs));
  }

  /** Held until the transaction ends. */
  async hold(manager: EntityManager, tenant: string, id: string, nowMs: number): Promise<StoredWebhook | undefined> {
    const [row] = await manager.query<WebhookRow[]>('SELECT * FROM governance.webhooks WHERE tenant = $1 AND id = $2 FOR UPDATE', [tenant, id]);
    return row && fromRow(row, nowMs);
  }

  /** Takes endpoints that are due and puts them off, so that no other process has them until then. The transaction sees all tenants. */
  async claim(manager: EntityManager, nowMs: number, untilMs: number, logSize: number, limit: number): Promise<StoredWebhook[]> {
    const rows = await manager.query<WebhookRow[]>(
      `WITH due AS (SELECT id FROM governance.webhooks WHERE state = 'active' AND next_attempt_ms <= $1 AND position < $3 - 1 ORDER BY next_attempt_ms LIMIT $4 FOR UPDATE SKIP LOCKED),
       taken AS (UPDATE governance.webhooks w SET next_attempt_ms = $2 FROM due WHERE w.id = due.id RETURNING w.*) SELECT * FROM taken`,
      [nowMs, untilMs, logSize, limit],
    );
    return rows.map((row) => fromRow(row, nowMs));
  }

  /** Nothing when the endpoint was changed meanwhile: the claim it had is over. */
  async progress(manager: EntityManager, id: string, claimedUntilMs: number, { state, position, attempts, deadInARow, lastError, nextAttemptMs }: Progress): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH moved AS (UPDATE governance.webhooks SET state = $3, position = $4, attempts = $5, dead_in_a_row = $6, last_error = $7, next_attempt_ms = $8
         WHERE id = $1 AND next_attempt_ms = $2 RETURNING id) SELECT id FROM moved`,
      [id, claimedUntilMs, state, position, attempts, deadInARow, lastError, nextAttemptMs],
    );
    return rows.length === 1;
  }

  /** Leaves a delivery that is on its way alone: it goes on from where it is. */
  async changeTypes(manager: EntityManager, { id, types, typesBefore }: Pick<StoredWebhook, 'id' | 'types' | 'typesBefore'>): Promise<void> {
    await manager.query('UPDATE governance.webhooks SET types = $2, types_before = $3 WHERE id = $1', [id, types, JSON.stringify(typesBefore)]);
  }

  async change(manager: EntityManager, { id, url, types, state, position, attempts, deadInARow, lastError, nextAttemptMs, typesBefore }: StoredWebhook): Promise<void> {
    await manager.query('UPDATE governance.webhooks SET url = $2, types = $3, state = $4, position = $5, attempts = $6, dead_in_a_row = $7, last_error = $8, next_attempt_ms = $9, types_before = $10 WHERE id = $1', [
      id, url, types, state, position, attempts, deadInARow, lastError, nextAttemptMs, JSON.stringify(typesBefore),
    ]);
  }

  async putSecret(manager: EntityManager, id: string, secret: SealedBody, oldUntilMs: number): Promise<void> {
    await manager.query('UPDATE governance.webhooks SET old_secret = secret, old_until_ms = $3, secret = $2 WHERE id = $1', [id, JSON.stringify(secret), oldUntilMs]);
  }

  async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.query('DELETE FROM governance.webhooks WHERE id = $1', [id]);
  }

  async bury(manager: EntityManager, webhook: string, tenant: string, { index, record, type, attempts, error, diedAtMs }: DeadDelivery): Promise<void> {
    await manager.query(
      `INSERT INTO governance.webhook_dead_letters (webhook, tenant, index, record, type, attempts, error, died_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (webhook, index) DO UPDATE SET attempts = excluded.attempts, error = excluded.error, died_at_ms = excluded.died_at_ms`,
      [webhook, tenant, index, record, type, attempts, error, diedAtMs],
    );
  }

  /** Newest first. */
  async dead(manager: EntityManager, webhook: string, before: number | undefined, limit: number): Promise<DeadDelivery[]> {
    const rows = await manager.query<{ index: string; record: string; type: RecordType; attempts: number; error: string; died_at_ms: string }[]>(
      'SELECT * FROM governance.webhook_dead_letters WHERE webhook = $1 AND ($2::bigint IS NULL OR index < $2) ORDER BY index DESC LIMIT $3',
      [webhook, before ?? null, limit],
    );
    return rows.map(({ index, record, type, attempts, error, died_at_ms: diedAtMs }) => ({ index: Number(index), record, type, attempts, error, diedAtMs: Number(diedAtMs) }));
  }
}

function fromRow(row: WebhookRow, nowMs: number): StoredWebhook {
  const old = row.old_secret !== null && Number(row.old_until_ms) > nowMs ? [sealedBody.parse(row.old_secret)] : [];
  return {
    id: row.id,
    tenant: row.tenant,
    url: row.url,
    types: row.types,
    typesBefore: row.types_before,
    state: row.state,
    position: Number(row.position),
    attempts: row.attempts,
    deadInARow: row.dead_in_a_row,
    lastError: row.last_error,
    nextAttemptMs: Number(row.next_attempt_ms),
    createdAtMs: Number(row.created_at_ms),
    secrets: [sealedBody.parse(row.secret), ...old],
  };
}
