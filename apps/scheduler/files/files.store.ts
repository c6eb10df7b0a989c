import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ObjectFacts } from '#objects';
import type { File, FilePurpose, FileState } from './file.js';

interface FileRow {
  id: string;
  tenant: string;
  project: string;
  key_id: string;
  state: FileState;
  purpose: FilePurpose | null;
  filename: string | null;
  bytes: string | null;
  wrapped_key: Buffer | null;
  content_key: string | null;
  created_at_ms: string;
  expires_at_ms: string | null;
}

export interface Scope {
  readonly tenant: string;
  readonly project: string | null;
}

export interface CreatedPage {
  readonly after?: string | undefined;
  readonly limit: number;
  readonly order: 'asc' | 'desc';
}

/** Rows of things that are listed by creation: ids are made in order of time. */
export const pageOf = ({ order }: CreatedPage, after: string, limit: string): string =>
  `(${after}::uuid IS NULL OR id ${order === 'asc' ? '>' : '<'} ${after}) ORDER BY id ${order === 'asc' ? 'ASC' : 'DESC'} LIMIT ${limit}`;

@Injectable()
export class FileStore {
  async open(manager: EntityManager, file: Pick<File, 'id' | 'tenant' | 'project' | 'keyId' | 'createdAtMs'>): Promise<void> {
    await manager.query(`INSERT INTO scheduler.files (id, tenant, project, key_id, state, created_at_ms) VALUES ($1, $2, $3, $4, 'opened', $5)`, [file.id, file.tenant, file.project, file.keyId, file.createdAtMs]);
  }

  /** The bytes of one upload alone are put in place. False when it was given up, or another one's are. */
  async place(manager: EntityManager, id: string, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`WITH placed AS (UPDATE scheduler.files SET placed_at_ms = $2 WHERE id = $1 AND state = 'opened' AND placed_at_ms IS NULL RETURNING 1) SELECT 1 FROM placed`, [id, nowMs]);
    return rows.length > 0;
  }

  /** False when the upload was given up, or has its content already. */
  async stored(manager: EntityManager, id: string, facts: ObjectFacts & { sha256: string }): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH done AS (UPDATE scheduler.files SET state = 'stored', bytes = $2, sha256 = $3, wrapped_key = $4, content_key = $5 WHERE id = $1 AND state = 'opened' RETURNING 1) SELECT 1 FROM done`,
      [id, facts.bytes, facts.sha256, facts.wrappedKey.bytes, facts.wrappedKey.over],
    );
    return rows.length > 0;
  }

  async show(manager: EntityManager, id: string, as: { filename: string; purpose: FilePurpose; expiresAtMs: number | null }): Promise<File | undefined> {
    const rows = await manager.query<FileRow[]>(
      `WITH shown AS (UPDATE scheduler.files SET state = 'shown', filename = $2, purpose = $3, expires_at_ms = $4 WHERE id = $1 AND state = 'stored' RETURNING *) SELECT * FROM shown`,
      [id, as.filename, as.purpose, as.expiresAtMs],
    );
    return rows.map(fromRow)[0];
  }

  /** Any state. */
  async find(manager: EntityManager, id: string): Promise<File | undefined> {
    return (await manager.query<FileRow[]>('SELECT * FROM scheduler.files WHERE id = $1', [id])).map(fromRow)[0];
  }

  async shown(manager: EntityManager, { tenant, project }: Scope, id: string, nowMs: number): Promise<File | undefined> {
    const rows = await manager.query<FileRow[]>(
      `SELECT * FROM scheduler.files WHERE id = $1 AND tenant = $2 AND ($3::uuid IS NULL OR project = $3) AND state = 'shown' AND (expires_at_ms IS NULL OR expires_at_ms > $4)`,
      [id, tenant, project, nowMs],
    );
    return rows.map(fromRow)[0];
  }

  async page(manager: EntityManager, { tenant, project }: Scope, purpose: FilePurpose | undefined, page: CreatedPage, nowMs: number): Promise<File[]> {
    const rows = await manager.query<FileRow[]>(
      `SELECT * FROM scheduler.files WHERE tenant = $1 AND ($2::uuid IS NULL OR project = $2) AND state = 'shown' AND (expires_at_ms IS NULL OR expires_at_ms > $3)
         AND ($4::text IS NULL OR purpose = $4) AND ${pageOf(page, '$5', '$6')}`,
      [tenant, project, nowMs, purpose ?? null, page.after ?? null, page.limit],
    );
    return rows.map(fromRow);
  }

  async totals(manager: EntityManager, tenant: string): Promise<{ files: number; bytes: number }> {
    const [row] = await manager.query<{ files: string; bytes: string }[]>(`SELECT count(*) AS files, COALESCE(sum(bytes), 0) AS bytes FROM scheduler.files WHERE tenant = $1 AND state <> 'deleted'`, [tenant]);
    return { files: Number(row!.files), bytes: Number(row!.bytes) };
  }

  /** Hides one; the key with which it could be read is kept apart until it is known that no hold keeps it. */
  async hide(manager: EntityManager, id: string, nowMs: number): Promise<void> {
    await manager.query(`UPDATE scheduler.files SET state = 'deleted', kept_key = wrapped_key, wrapped_key = NULL, sha256 = NULL, deleted_at_ms = $2 WHERE id = $1`, [id, nowMs]);
  }

  /** Hides files whatever is held; their content goes later. The key with which it could be read is forgotten here. */
  async remove(manager: EntityManager, ids: readonly string[]): Promise<void> {
    await manager.query(`UPDATE scheduler.files SET state = 'deleted', wrapped_key = NULL, sha256 = NULL WHERE id = ANY($1::uuid[])`, [ids]);
  }

  /** Whether a batch that has not ended reads it. */
  async isRead(manager: EntityManager, id: string): Promise<boolean> {
    return (await manager.query<unknown[]>(`SELECT 1 FROM scheduler.batches WHERE input_file = $1 AND status IN ('validating', 'in_progress', 'cancelling', 'finalizing') LIMIT 1`, [id])).length > 0;
  }

  /** Hides what has expired and uploads that nobody finished, except what batches read. */
  async expire(manager: EntityManager, nowMs: number, uploadsBeforeMs: number): Promise<void> {
    await manager.query(
      `UPDATE scheduler.files f SET state = 'deleted', kept_key = CASE WHEN state = 'shown' THEN wrapped_key END, wrapped_key = NULL, sha256 = NULL, deleted_at_ms = $1
       WHERE ((state = 'shown' AND expires_at_ms <= $1) OR (state IN ('opened', 'stored') AND created_at_ms <= $2))
         AND NOT EXISTS (SELECT 1 FROM scheduler.batches b WHERE b.input_file = f.id AND b.status IN ('validating', 'in_progress', 'cancelling', 'finalizing'))`,
      [nowMs, uploadsBeforeMs],
    );
  }

  /** Files whose content is to go, locked. */
  async leaving(manager: EntityManager, max: number): Promise<{ id: string; tenant: string }[]> {
    return manager.query(`SELECT id, tenant FROM scheduler.files WHERE state = 'deleted' AND kept_key IS NULL ORDER BY created_at_ms LIMIT $1 FOR UPDATE SKIP LOCKED`, [max]);
  }

  async forget(manager: EntityManager, ids: readonly string[]): Promise<void> {
    await manager.query('DELETE FROM scheduler.files WHERE id = ANY($1::uuid[])', [ids]);
  }
}

function fromRow(row: FileRow): File {
  return {
    id: row.id,
    tenant: row.tenant,
    project: row.project,
    keyId: row.key_id,
    state: row.state,
    purpose: row.purpose,
    filename: row.filename,
    bytes: row.bytes === null ? null : Number(row.bytes),
    wrappedKey: row.wrapped_key && { bytes: row.wrapped_key, over: row.content_key },
    createdAtMs: Number(row.created_at_ms),
    expiresAtMs: row.expires_at_ms === null ? null : Number(row.expires_at_ms),
  };
}
