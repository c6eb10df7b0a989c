import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export interface ContentKey {
  readonly id: string;
  readonly tenant: string;
}

/** The content keys that rows may refer to. */
@Injectable()
export class ContentKeyStore {
  /** What is known stays as it is. */
  async know(manager: EntityManager, keys: readonly ContentKey[], nowMs: number): Promise<void> {
    await manager.query('INSERT INTO scheduler.content_keys (id, tenant, known_at_ms) SELECT id, tenant, $3 FROM unnest($1::uuid[], $2::uuid[]) AS k (id, tenant) ORDER BY id ON CONFLICT DO NOTHING', [keys.map(({ id }) => id), keys.map(({ tenant }) => tenant), nowMs]);
  }

  async isOpen(manager: EntityManager, { id, tenant }: ContentKey): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM scheduler.content_keys WHERE tenant = $1 AND open_id = $2', [tenant, id])).length > 0;
  }

  /** In the order of their ids, some after `after`. */
  async openOnes(manager: EntityManager, after: string | null, max: number): Promise<ContentKey[]> {
    return manager.query('SELECT id, tenant FROM scheduler.content_keys WHERE closed_at_ms IS NULL AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2', [after, max]);
  }

  /** No row can use it from now on. False while rows do, or while schedulers may not all know its successor: that was first known after `knownBeforeMs`. */
  async close(manager: EntityManager, { id, tenant }: ContentKey, nowMs: number, knownBeforeMs: number): Promise<boolean> {
    const unused = ['files', 'responses', 'line_answers'].map((table) => `NOT EXISTS (SELECT 1 FROM scheduler.${table} WHERE tenant = $2 AND content_key = $1)`).join(' AND ');
    const rows = await manager.query<unknown[]>(
      `WITH closed AS (
         UPDATE scheduler.content_keys SET closed_at_ms = $3 WHERE id = $1 AND tenant = $2 AND closed_at_ms IS NULL AND ${unused}
           AND EXISTS (SELECT 1 FROM scheduler.content_keys n WHERE n.tenant = $2 AND n.id > $1 AND n.known_at_ms <= $4) RETURNING 1)
       SELECT 1 FROM closed`,
      [id, tenant, nowMs, knownBeforeMs],
    );
    return rows.length > 0;
  }

  /** Of these, those that were closed before. */
  async closedOf(manager: EntityManager, ids: readonly string[], beforeMs: number): Promise<ContentKey[]> {
    return manager.query('SELECT id, tenant FROM scheduler.content_keys WHERE id = ANY($1::uuid[]) AND closed_at_ms <= $2', [ids, beforeMs]);
  }

  /** All closed ones of the organisation are to be told once more, if this one was told. */
  async tellAgain(manager: EntityManager, { id, tenant }: ContentKey): Promise<void> {
    await manager.query(
      'UPDATE scheduler.content_keys SET told_at_ms = NULL WHERE tenant = $2 AND told_at_ms IS NOT NULL AND EXISTS (SELECT 1 FROM scheduler.content_keys t WHERE t.id = $1 AND t.tenant = $2 AND t.told_at_ms IS NOT NULL)',
      [id, tenant],
    );
  }

  /** Closed ones that governance has not been told of. In no order, so that one of which it cannot be told keeps no others waiting. */
  async untold(manager: EntityManager, max: number): Promise<ContentKey[]> {
    return manager.query('SELECT id, tenant FROM scheduler.content_keys WHERE closed_at_ms IS NOT NULL AND told_at_ms IS NULL ORDER BY random() LIMIT $1', [max]);
  }

  async told(manager: EntityManager, id: string, nowMs: number): Promise<void> {
    await manager.query('UPDATE scheduler.content_keys SET told_at_ms = $2 WHERE id = $1', [id, nowMs]);
  }
}
