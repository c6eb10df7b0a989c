import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { WrappedKey } from '#objects';
import { backgroundLimits } from '#protocol';
import type { BackgroundEnd, BackgroundStatus, declaredFactsShape } from '#protocol';
import type { Scope } from '../files/files.store.js';
import { backgroundStatusesBefore } from './background-response.js';
import type { Span } from './background-response.js';

type Declared = z.output<typeof declaredFactsShape>;
type Failure = { readonly code: string; readonly message: string };

/** A response in the background, with what is needed of the row beside it. */
export interface BackgroundResponse {
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  readonly keyId: string;
  readonly status: BackgroundStatus;
  readonly declared: Declared;
  readonly error: Failure | null;
  readonly events: number;
  readonly eventBytes: number;
  readonly isTold: boolean;
  /** Null: its record is not open. */
  readonly span: Span | null;
  readonly createdAtMs: number;
  /** Deleted, erased or expired: nothing of it may be read or written. */
  readonly isGone: boolean;
  /** Of its content; events are encrypted under one made of it. */
  readonly wrappedKey: WrappedKey | null;
}

interface Row {
  id: string;
  tenant: string;
  project: string;
  key_id: string;
  status: BackgroundStatus;
  declared: Declared;
  error: Failure | null;
  events: number;
  event_bytes: string;
  is_told: boolean;
  since_ms: string | null;
  until_ms: string | null;
  created_at_ms: string;
  state: string;
  wrapped_key: Buffer | null;
  content_key: string | null;
}

const selected = `SELECT b.*, r.project, r.key_id, r.state, r.wrapped_key, r.content_key FROM scheduler.background_responses b JOIN scheduler.responses r ON r.id = b.id`;
const openJob = `SELECT 1 FROM scheduler.jobs j WHERE j.owner = b.id AND j.kind = 'response.run' AND j.state IN ('queued', 'running', 'lost')`;

@Injectable()
export class BackgroundResponseStore {
  async insert(manager: EntityManager, { id, tenant, declared, createdAtMs }: Pick<BackgroundResponse, 'id' | 'tenant' | 'declared' | 'createdAtMs'>): Promise<void> {
    await manager.query(`INSERT INTO scheduler.background_responses (id, tenant, status, declared, events, created_at_ms) VALUES ($1, $2, 'queued', $3, $4, $5)`, [id, tenant, JSON.stringify(declared), backgroundLimits.firstEvent, createdAtMs]);
  }

  async isBackground(manager: EntityManager, id: string): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM scheduler.background_responses WHERE id = $1', [id])).length > 0;
  }

  /** Locked until the transaction ends. */
  async lock(manager: EntityManager, id: string): Promise<BackgroundResponse | undefined> {
    return (await manager.query<Row[]>(`${selected} WHERE b.id = $1 FOR UPDATE OF b`, [id])).map(fromRow)[0];
  }

  /** One that is in scope and in its time, and whether anybody may still run it. */
  async find(manager: EntityManager, { tenant, project }: Scope, id: string, nowMs: number): Promise<(BackgroundResponse & { isOver: boolean }) | undefined> {
    const rows = await manager.query<(Row & { is_over: boolean })[]>(
      `SELECT b.*, NOT EXISTS (${openJob}) AS is_over FROM (${selected} WHERE b.id = $1 AND b.tenant = $2 AND ($3::uuid IS NULL OR r.project = $3) AND r.state = 'stored' AND r.expires_at_ms > $4) b`,
      [id, tenant, project, nowMs],
    );
    return rows.map((row) => ({ ...fromRow(row), isOver: row.is_over }))[0];
  }

  /** False when it has ended, or is not where that could follow. */
  async enter(manager: EntityManager, id: string, to: BackgroundStatus, error: Failure | null = null): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH entered AS (UPDATE scheduler.background_responses SET status = $2, error = $3 WHERE id = $1 AND status = ANY($4) RETURNING 1) SELECT 1 FROM entered`,
      [id, to, error && JSON.stringify(error), backgroundStatusesBefore[to]],
    );
    return rows.length > 0;
  }

  /** Between which moments its record may be open; null: it is not. */
  async setSpan(manager: EntityManager, id: string, span: Span | null): Promise<void> {
    await manager.query('UPDATE scheduler.background_responses SET since_ms = $2, until_ms = $3 WHERE id = $1', [id, span?.sinceMs ?? null, span?.untilMs ?? null]);
  }

  /** The next events. With `end` the response has that status, unless it was cancelled. */
  async append(manager: EntityManager, { id, tenant, events }: BackgroundResponse, count: number, bytes: number, sealed: Buffer, end: BackgroundEnd | undefined): Promise<void> {
    await manager.query('INSERT INTO scheduler.response_events (response, first, last, tenant, sealed) VALUES ($1, $2, $3, $4, $5)', [id, events, events + count - 1, tenant, sealed]);
    await manager.query('UPDATE scheduler.background_responses SET events = events + $2, event_bytes = event_bytes + $3, is_told = $4 WHERE id = $1', [id, count, bytes, end !== undefined]);
    if (end !== undefined) await this.enter(manager, id, end);
  }

  /** The first stored piece of the log that has an event with a higher number. */
  async eventsAfter(manager: EntityManager, id: string, after: number): Promise<{ first: number; last: number; sealed: Buffer } | undefined> {
    const [row] = await manager.query<{ first: number; last: number; sealed: Buffer }[]>('SELECT first, last, sealed FROM scheduler.response_events WHERE response = $1 AND last > $2 ORDER BY last LIMIT 1', [id, after]);
    return row;
  }

  /** Of some jobs, those whose response was cancelled or is gone. */
  async unwanted(manager: EntityManager, jobs: readonly string[]): Promise<string[]> {
    const rows = await manager.query<{ id: string }[]>(`SELECT b.id FROM scheduler.background_responses b JOIN scheduler.responses r ON r.id = b.id WHERE b.id = ANY($1::uuid[]) AND (b.status = 'cancelled' OR r.state <> 'stored')`, [jobs]);
    return rows.map(({ id }) => id);
  }
}

function fromRow(row: Row): BackgroundResponse {
  return {
    id: row.id,
    tenant: row.tenant,
    project: row.project,
    keyId: row.key_id,
    status: row.status,
    declared: row.declared,
    error: row.error,
    events: row.events,
    eventBytes: Number(row.event_bytes),
    isTold: row.is_told,
    span: row.since_ms === null || row.until_ms === null ? null : { sinceMs: Number(row.since_ms), untilMs: Number(row.until_ms) },
    createdAtMs: Number(row.created_at_ms),
    isGone: row.state !== 'stored',
    wrappedKey: row.wrapped_key && { bytes: row.wrapped_key, over: row.content_key },
  };
}
