import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { HiddenContent } from './content-hold.js';

/** The tables of what has content. */
export type ContentKind = 'files' | 'responses';

interface HiddenRow {
  id: string;
  created_at_ms: string;
  deleted_at_ms: string;
  persons: string[];
  held_since_ms: string | null;
}

/** Hidden contents whose keys are kept until somebody has looked whether they are held. */
@Injectable()
export class ContentDeletionStore {
  /** Organisations that have some which nobody has looked at since `sinceMs`. In no order, so that those who cannot be asked about keep no others waiting. */
  async tenants(manager: EntityManager, kind: ContentKind, sinceMs: number, max: number): Promise<string[]> {
    const rows = await manager.query<{ tenant: string }[]>(
      `SELECT tenant FROM (SELECT DISTINCT tenant FROM scheduler.${kind} WHERE kept_key IS NOT NULL AND held_at_ms <= $1) due ORDER BY random() LIMIT $2`,
      [sinceMs, max],
    );
    return rows.map(({ tenant }) => tenant);
  }

  /** Those of one organisation, locked. */
  async due(manager: EntityManager, kind: ContentKind, tenant: string, sinceMs: number, max: number): Promise<HiddenContent[]> {
    const rows = await manager.query<HiddenRow[]>(
      `SELECT id, created_at_ms, deleted_at_ms, ${kind === 'responses' ? 'persons' : `'{}'::text[] AS persons`}, held_since_ms FROM scheduler.${kind}
       WHERE tenant = $1 AND kept_key IS NOT NULL AND held_at_ms <= $2 ORDER BY held_at_ms LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [tenant, sinceMs, max],
    );
    return rows.map((row) => ({ id: row.id, createdAtMs: Number(row.created_at_ms), deletedAtMs: Number(row.deleted_at_ms), persons: row.persons, isToldHeld: row.held_since_ms !== null }));
  }

  async keep(manager: EntityManager, kind: ContentKind, ids: readonly string[], nowMs: number): Promise<void> {
    await manager.query(`UPDATE scheduler.${kind} SET held_at_ms = $2, held_since_ms = COALESCE(held_since_ms, $2) WHERE id = ANY($1::uuid[])`, [ids, nowMs]);
  }

  /** Forgets the keys: nobody can read them any more. */
  async letGo(manager: EntityManager, kind: ContentKind, ids: readonly string[]): Promise<void> {
    await manager.query(`UPDATE scheduler.${kind} SET kept_key = NULL WHERE id = ANY($1::uuid[])`, [ids]);
  }
}
