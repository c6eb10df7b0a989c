import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { z } from 'zod';
import type { Erasure, heldErasure } from '#protocol';

export type HeldErasure = z.output<typeof heldErasure>;

interface ErasureRow {
  id: string;
  tenant: string;
  person: string;
  basis: string;
  reference: string | null;
  requested_at_ms: string;
  erased_at_ms: string;
  person_key: string;
  search_rows: number;
}

@Injectable()
export class ErasureStore {
  async insert(manager: EntityManager, erasure: Erasure): Promise<void> {
    const { id, tenant, person, basis, reference, requestedAtMs, erasedAtMs, personKey, searchRows } = erasure;
    await manager.query(
      'INSERT INTO governance.erasures (id, tenant, person, basis, reference, requested_at_ms, erased_at_ms, person_key, search_rows) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      [id, tenant, person, basis, reference, requestedAtMs, erasedAtMs, personKey, searchRows],
    );
  }

  /** Gateways are told by the organisation's replica that keys of persons which they hold may be gone. */
  async count(manager: EntityManager, tenant: string): Promise<void> {
    await manager.query('UPDATE governance.organisations SET erasures = erasures + 1 WHERE tenant = $1', [tenant]);
  }

  async find(manager: EntityManager, tenant: string, id: string): Promise<Erasure | undefined> {
    return (await manager.query<ErasureRow[]>('SELECT * FROM governance.erasures WHERE tenant = $1 AND id = $2', [tenant, id])).map(fromRow)[0];
  }

  /** Remembers what is to be erased as soon as no hold is in the way; the first one of a person stays. Gives its id, and whether it is new. */
  async keepHeld(manager: EntityManager, held: HeldErasure & { tenant: string }): Promise<{ id: string; isNew: boolean }> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO governance.held_erasures (id, tenant, person, basis, reference, requested_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, person) DO NOTHING RETURNING 1',
      [held.id, held.tenant, held.person, held.basis, held.reference, held.requestedAtMs],
    );
    const [row] = await manager.query<{ id: string }[]>('SELECT id FROM governance.held_erasures WHERE tenant = $1 AND person = $2', [held.tenant, held.person]);
    return { id: row!.id, isNew: rows.length > 0 };
  }

  async removeHeld(manager: EntityManager, tenant: string, person: string): Promise<void> {
    await manager.query('DELETE FROM governance.held_erasures WHERE tenant = $1 AND person = $2', [tenant, person]);
  }

  /** Oldest first. */
  async listHeld(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<HeldErasure[]> {
    const rows = await manager.query<{ id: string; person: string; basis: string; reference: string | null; requested_at_ms: string }[]>(
      'SELECT * FROM governance.held_erasures WHERE tenant = $1 AND ($2::uuid IS NULL OR id > $2::uuid) ORDER BY id LIMIT $3',
      [tenant, after ?? null, limit],
    );
    return rows.map(({ id, person, basis, reference, requested_at_ms }) => ({ id, person, basis, reference, requestedAtMs: Number(requested_at_ms) }));
  }

  /** Newest first. */
  async list(manager: EntityManager, tenant: string, { person, after, limit }: { person?: string | undefined; after?: string | undefined; limit: number }): Promise<Erasure[]> {
    const rows = await manager.query<ErasureRow[]>(
      'SELECT * FROM governance.erasures WHERE tenant = $1 AND ($2::text IS NULL OR person = $2) AND ($3::uuid IS NULL OR id < $3::uuid) ORDER BY id DESC LIMIT $4',
      [tenant, person ?? null, after ?? null, limit],
    );
    return rows.map(fromRow);
  }
}

function fromRow(row: ErasureRow): Erasure {
  return {
    id: row.id, tenant: row.tenant, person: row.person, basis: row.basis, reference: row.reference,
    requestedAtMs: Number(row.requested_at_ms), erasedAtMs: Number(row.erased_at_ms), personKey: row.person_key, searchRows: row.search_rows,
  };
}
