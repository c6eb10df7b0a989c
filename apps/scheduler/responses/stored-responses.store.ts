import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ObjectFacts } from '#objects';
import type { Scope } from '../files/files.store.js';

interface NewResponse {
  readonly id: string;
  readonly tenant: string;
  readonly project: string;
  readonly keyId: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly persons: readonly string[];
}

interface ObjectRow {
  bytes: string;
  wrapped_key: Buffer;
  content_key: string | null;
}

const gone = `state = 'deleted', wrapped_key = NULL`;
/** The key is kept apart until it is known that no hold keeps it. */
const hidden = `${gone}, kept_key = wrapped_key`;
/** As the index of persons has it. */
const about = `persons @> ARRAY[$2] AND persons <> '{}' AND state <> 'deleted'`;
const keptAbout = `persons @> ARRAY[$2] AND kept_key IS NOT NULL`;

@Injectable()
export class StoredResponseStore {
  /** False when there is one of this id. */
  async open(manager: EntityManager, { id, tenant, project, keyId, createdAtMs, expiresAtMs, persons }: NewResponse): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH opened AS (INSERT INTO scheduler.responses (id, tenant, project, key_id, state, created_at_ms, expires_at_ms, persons) VALUES ($1, $2, $3, $4, 'opened', $5, $6, $7) ON CONFLICT (id) DO NOTHING RETURNING 1) SELECT 1 FROM opened`,
      [id, tenant, project, keyId, createdAtMs, expiresAtMs, persons],
    );
    return rows.length > 0;
  }

  async isOpen(manager: EntityManager, id: string): Promise<boolean> {
    return (await manager.query<unknown[]>(`SELECT 1 FROM scheduler.responses WHERE id = $1 AND state = 'opened'`, [id])).length > 0;
  }

  /** The bytes of one upload alone are put in place. False when it was given up, or another one's are. */
  async place(manager: EntityManager, id: string, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`WITH placed AS (UPDATE scheduler.responses SET placed_at_ms = $2 WHERE id = $1 AND state = 'opened' AND placed_at_ms IS NULL RETURNING 1) SELECT 1 FROM placed`, [id, nowMs]);
    return rows.length > 0;
  }

  /** False when it was given up, or has its content already. */
  async stored(manager: EntityManager, id: string, { bytes, wrappedKey }: ObjectFacts): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH done AS (UPDATE scheduler.responses SET state = 'stored', bytes = $2, wrapped_key = $3, content_key = $4 WHERE id = $1 AND state = 'opened' RETURNING 1) SELECT 1 FROM done`,
      [id, bytes, wrappedKey.bytes, wrappedKey.over],
    );
    return rows.length > 0;
  }

  /** How to read one that is in scope and in its time. */
  async find(manager: EntityManager, { tenant, project }: Scope, id: string, nowMs: number): Promise<ObjectFacts | undefined> {
    const rows = await manager.query<ObjectRow[]>(
      `SELECT bytes, wrapped_key, content_key FROM scheduler.responses WHERE id = $1 AND tenant = $2 AND ($3::uuid IS NULL OR project = $3) AND state = 'stored' AND expires_at_ms > $4`,
      [id, tenant, project, nowMs],
    );
    return rows.map((row) => ({ bytes: Number(row.bytes), wrappedKey: { bytes: row.wrapped_key, over: row.content_key } }))[0];
  }

  /** Events of those in the background included. */
  async totals(manager: EntityManager, tenant: string): Promise<{ responses: number; bytes: number }> {
    const [row] = await manager.query<{ responses: string; bytes: string }[]>(
      `SELECT count(*) AS responses, COALESCE(sum(bytes), 0) + (SELECT COALESCE(sum(event_bytes), 0) FROM scheduler.background_responses WHERE tenant = $1) AS bytes FROM scheduler.responses WHERE tenant = $1 AND state <> 'deleted'`,
      [tenant],
    );
    return { responses: Number(row!.responses), bytes: Number(row!.bytes) };
  }

  /** Of one that is in scope and in its time, also while its content is on its way: that goes later. False when there is none. */
  async delete(manager: EntityManager, { tenant, project }: Scope, id: string, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH deleted AS (
         UPDATE scheduler.responses SET ${hidden}, deleted_at_ms = $4 WHERE id = $1 AND tenant = $2 AND ($3::uuid IS NULL OR project = $3) AND state <> 'deleted' AND expires_at_ms > $4 RETURNING 1)
       SELECT 1 FROM deleted`,
      [id, tenant, project, nowMs],
    );
    return rows.length > 0;
  }

  async countPerson(manager: EntityManager, tenant: string, person: string): Promise<number> {
    const [row] = await manager.query<{ responses: string }[]>(`SELECT count(*) AS responses FROM scheduler.responses WHERE tenant = $1 AND ((${about}) OR (${keptAbout}))`, [tenant, person]);
    return Number(row!.responses);
  }

  /** All that is about a person, also what is on its way. What is about others too may be held for one of them: it is hidden, and looked at like what somebody deletes. */
  async removePerson(manager: EntityManager, tenant: string, person: string, nowMs: number): Promise<void> {
    const without = `persons = array_remove(persons, $2), held_at_ms = 0`;
    await manager.query(`UPDATE scheduler.responses SET kept_key = CASE WHEN cardinality(persons) > 1 THEN kept_key END, ${without} WHERE tenant = $1 AND ${keptAbout}`, [tenant, person]);
    await manager.query(
      `UPDATE scheduler.responses SET ${gone}, kept_key = CASE WHEN cardinality(persons) > 1 THEN wrapped_key END, ${without}, deleted_at_ms = $3 WHERE tenant = $1 AND ${about}`,
      [tenant, person, nowMs],
    );
  }

  /** What has expired, and what nobody finished. */
  async expire(manager: EntityManager, nowMs: number, openedBeforeMs: number): Promise<void> {
    await manager.query(`UPDATE scheduler.responses SET ${hidden}, deleted_at_ms = $1 WHERE (state = 'stored' AND expires_at_ms <= $1) OR (state = 'opened' AND created_at_ms <= $2)`, [nowMs, openedBeforeMs]);
  }

  /** Those whose content is to go, locked. One that still runs is waited for: its job ends by its row. */
  async leaving(manager: EntityManager, max: number): Promise<{ id: string; tenant: string }[]> {
    return manager.query(
      `SELECT id, tenant FROM scheduler.responses r WHERE state = 'deleted' AND kept_key IS NULL AND NOT EXISTS (SELECT 1 FROM scheduler.jobs j WHERE j.owner = r.id AND j.kind = 'response.run' AND j.state IN ('queued', 'running', 'lost'))
       ORDER BY created_at_ms LIMIT $1 FOR UPDATE SKIP LOCKED`,
      [max],
    );
  }

  /** With their events and their jobs. */
  async forget(manager: EntityManager, ids: readonly string[]): Promise<void> {
    await manager.query(`DELETE FROM scheduler.jobs WHERE owner = ANY($1::uuid[]) AND kind = 'response.run'`, [ids]);
    await manager.query('DELETE FROM scheduler.responses WHERE id = ANY($1::uuid[])', [ids]);
  }
}
