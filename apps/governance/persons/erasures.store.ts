import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Erasure } from '#protocol';

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
