import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ObjectFacts } from '#objects';
import type { ContentKind } from './content-deletions.store.js';
import type { HiddenContent } from './content-hold.js';

/** A hidden content with what it is, and how it could be read. */
export interface KeptContent extends HiddenContent {
  readonly project: string;
  readonly filename: string | null;
  readonly facts: ObjectFacts;
}

interface KeptRow {
  id: string;
  project: string;
  filename: string | null;
  bytes: string;
  kept_key: Buffer;
  /** The content key that it is under; null: the scheduler's own. */
  content_key: string | null;
  persons: string[];
  created_at_ms: string;
  deleted_at_ms: string;
  held_since_ms: string | null;
}

const fromRow = (row: KeptRow): KeptContent => ({
  id: row.id,
  project: row.project,
  filename: row.filename,
  facts: { bytes: Number(row.bytes), wrappedKey: { bytes: row.kept_key, over: row.content_key } },
  persons: row.persons,
  createdAtMs: Number(row.created_at_ms),
  deletedAtMs: Number(row.deleted_at_ms),
  isToldHeld: row.held_since_ms !== null,
});

/** Reads hidden contents whose keys are kept. Whether a hold keeps one is not known here. */
@Injectable()
export class HeldContentStore {
  /** Newest id first, from below `after`. */
  async page(manager: EntityManager, kind: ContentKind, tenant: string, after: string | undefined, max: number): Promise<KeptContent[]> {
    const rows = await manager.query<KeptRow[]>(`${selectFrom(kind)} WHERE tenant = $1 AND kept_key IS NOT NULL AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`, [tenant, after ?? null, max]);
    return rows.map(fromRow);
  }

  async find(manager: EntityManager, kind: ContentKind, tenant: string, id: string): Promise<KeptContent | undefined> {
    const rows = await manager.query<KeptRow[]>(`${selectFrom(kind)} WHERE tenant = $1 AND kept_key IS NOT NULL AND id = $2`, [tenant, id]);
    return rows.map(fromRow)[0];
  }
}

const selectFrom = (kind: ContentKind): string =>
  `SELECT id, project, ${kind === 'files' ? 'filename' : 'NULL::text AS filename'}, bytes, kept_key, content_key, ${kind === 'responses' ? 'persons' : `'{}'::text[] AS persons`}, created_at_ms, deleted_at_ms, held_since_ms FROM scheduler.${kind}`;
