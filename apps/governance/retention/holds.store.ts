import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { LegalHold } from '#protocol';

interface HoldRow {
  id: string;
  tenant: string;
  reason: string;
  reference: string | null;
  person: string | null;
  from_ms: string | null;
  until_ms: string | null;
  placed_at_ms: string;
  released_at_ms: string | null;
}

/** Legal holds. What they cover is decided in `holds.ts`. */
@Injectable()
export class HoldStore {
  async insert(manager: EntityManager, { id, tenant, reason, reference, person, fromMs, untilMs, placedAtMs }: LegalHold): Promise<void> {
    await manager.query('INSERT INTO governance.legal_holds (id, tenant, reason, reference, person, from_ms, until_ms, placed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', [
      id, tenant, reason, reference, person, fromMs, untilMs, placedAtMs,
    ]);
  }

  async find(manager: EntityManager, tenant: string, id: string): Promise<LegalHold | undefined> {
    return (await manager.query<HoldRow[]>('SELECT * FROM governance.legal_holds WHERE tenant = $1 AND id = $2', [tenant, id])).map(fromRow)[0];
  }

  async release(manager: EntityManager, id: string, nowMs: number): Promise<void> {
    await manager.query('UPDATE governance.legal_holds SET released_at_ms = $2 WHERE id = $1 AND released_at_ms IS NULL', [id, nowMs]);
  }

  /** Those that hold. */
  async live(manager: EntityManager, tenant: string): Promise<LegalHold[]> {
    return (await manager.query<HoldRow[]>('SELECT * FROM governance.legal_holds WHERE tenant = $1 AND released_at_ms IS NULL ORDER BY id', [tenant])).map(fromRow);
  }

  /** Newest first. */
  async list(manager: EntityManager, tenant: string, after: string | undefined, limit: number, which: 'all' | 'live' = 'all'): Promise<LegalHold[]> {
    const rows = await manager.query<HoldRow[]>(
      `SELECT * FROM governance.legal_holds WHERE tenant = $1 AND ($2::uuid IS NULL OR id < $2::uuid) ${which === 'live' ? 'AND released_at_ms IS NULL' : ''} ORDER BY id DESC LIMIT $3`,
      [tenant, after ?? null, limit],
    );
    return rows.map(fromRow);
  }
}

function fromRow(row: HoldRow): LegalHold {
  const time = (value: string | null): number | null => (value === null ? null : Number(value));
  return {
    id: row.id, tenant: row.tenant, reason: row.reason, reference: row.reference, person: row.person,
    fromMs: time(row.from_ms), untilMs: time(row.until_ms), placedAtMs: Number(row.placed_at_ms), releasedAtMs: time(row.released_at_ms),
  };
}
