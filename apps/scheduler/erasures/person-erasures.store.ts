import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** An erasure as it was told, and what of it was found here. */
export interface PersonErasure {
  readonly erasure: string;
  readonly tenant: string;
  readonly person: string;
  readonly erasedAtMs: number;
  readonly takenAtMs: number;
  readonly responses: number;
  readonly files: number;
}

interface ErasureRow {
  erasure: string;
  tenant: string;
  person: string;
  erased_at_ms: string;
  taken_at_ms: string;
  responses: number;
  files: number;
}

/** Batches that were about a person, and had begun. */
const batchesOf = `FROM scheduler.batches b WHERE b.tenant = $1 AND b.declared ->> 'subject' = $2 AND b.created_at_ms <= $3`;
const open = `('validating', 'in_progress', 'cancelling', 'finalizing')`;

@Injectable()
export class PersonErasureStore {
  /** Until the transaction ends nothing else about these persons is stored or erased. In one order, so that two of several persons cannot wait for each other. */
  async lock(manager: EntityManager, tenant: string, persons: readonly string[]): Promise<void> {
    for (const person of [...persons].sort()) await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${tenant} ${person}`]);
  }

  /** False when it is known. */
  async insert(manager: EntityManager, { erasure, tenant, person, erasedAtMs, takenAtMs, responses }: Omit<PersonErasure, 'files'>): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH taken AS (INSERT INTO scheduler.person_erasures (erasure, tenant, person, erased_at_ms, taken_at_ms, responses) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (erasure) DO NOTHING RETURNING 1) SELECT 1 FROM taken`,
      [erasure, tenant, person, erasedAtMs, takenAtMs, responses],
    );
    return rows.length > 0;
  }

  /** Whether one of these persons was erased at that moment or later. */
  async erasedSince(manager: EntityManager, tenant: string, persons: readonly string[], sinceMs: number): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM scheduler.person_erasures WHERE tenant = $1 AND person = ANY($2) AND taken_at_ms >= $3 LIMIT 1', [tenant, persons, sinceMs])).length > 0;
  }

  /** One that is not done, locked; after `erasure`, in their order. */
  async next(manager: EntityManager, after: string | null): Promise<PersonErasure | undefined> {
    const rows = await manager.query<ErasureRow[]>('SELECT * FROM scheduler.person_erasures WHERE done_at_ms IS NULL AND ($1::uuid IS NULL OR erasure > $1) ORDER BY erasure LIMIT 1 FOR UPDATE SKIP LOCKED', [after]);
    return rows.map((row) => ({ erasure: row.erasure, tenant: row.tenant, person: row.person, erasedAtMs: Number(row.erased_at_ms), takenAtMs: Number(row.taken_at_ms), responses: row.responses, files: row.files }))[0];
  }

  async openBatches(manager: EntityManager, { tenant, person, takenAtMs }: PersonErasure): Promise<string[]> {
    return (await manager.query<{ id: string }[]>(`SELECT b.id ${batchesOf} AND b.status IN ${open}`, [tenant, person, takenAtMs])).map(({ id }) => id);
  }

  /** Files that ended batches about the person read and wrote, and that are still there. */
  async files(manager: EntityManager, { tenant, person, takenAtMs }: PersonErasure): Promise<{ id: string; isRead: boolean }[]> {
    const rows = await manager.query<{ id: string; is_read: boolean }[]>(
      `SELECT f.id, EXISTS (SELECT 1 FROM scheduler.batches o WHERE o.input_file = f.id AND o.status IN ${open}) AS is_read FROM scheduler.files f
       WHERE f.state <> 'deleted' AND f.id IN (SELECT unnest(ARRAY[b.input_file, b.output_file, b.error_file]) ${batchesOf} AND b.status NOT IN ${open})`,
      [tenant, person, takenAtMs],
    );
    return rows.map(({ id, is_read: isRead }) => ({ id, isRead }));
  }

  async found(manager: EntityManager, erasure: string, files: number, doneAtMs: number | null): Promise<void> {
    await manager.query('UPDATE scheduler.person_erasures SET files = files + $2, done_at_ms = $3 WHERE erasure = $1', [erasure, files, doneAtMs]);
  }
}
