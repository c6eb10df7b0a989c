import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { newPriceChange, priceChangeJson } from '#protocol';
import type { PriceChange } from '#protocol';

interface Row {
  id: string;
  said: z.input<typeof newPriceChange>;
  hash: string;
  proposed_by: string;
  proposed_at_ms: string;
  approved_by: string | null;
  approved_at_ms: string | null;
  effective_from_ms: string | null;
  ended_at_ms: string | null;
  version: string | null;
}

const columns = 'id, said, hash, proposed_by, proposed_at_ms, approved_by, approved_at_ms, effective_from_ms, ended_at_ms, version';

function fromRow({ id, said, hash, version, ...row }: Row): PriceChange {
  const change = z.decode(newPriceChange, said);
  return {
    ...{ ...change, id, hash, version, effectiveFromMs: Number(row.effective_from_ms ?? change.effectiveFromMs) },
    state: row.approved_by === null ? 'proposed' : row.ended_at_ms === null ? 'approved' : version === null ? 'withdrawn' : 'applied',
    ...{ proposedBy: row.proposed_by, proposedAtMs: Number(row.proposed_at_ms), approvedBy: row.approved_by, approvedAtMs: row.approved_at_ms === null ? null : Number(row.approved_at_ms) },
  };
}

@Injectable()
export class PriceChangesStore {
  /** `false` when the id is known. */
  async propose(manager: EntityManager, change: PriceChange): Promise<boolean> {
    const { id, offer, hash, proposedBy, proposedAtMs } = change;
    const rows = await manager.query<unknown[]>(
      'INSERT INTO billing.price_changes (id, offer, said, hash, proposed_by, proposed_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING RETURNING id',
      [id, offer, JSON.stringify(priceChangeJson(change)), hash, proposedBy, proposedAtMs],
    );
    return rows.length > 0;
  }

  async find(manager: EntityManager, id: string): Promise<PriceChange | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.price_changes WHERE id = $1`, [id]);
    return row && fromRow(row);
  }

  async approve(manager: EntityManager, id: string, by: string, atMs: number, effectiveFromMs: number): Promise<void> {
    await manager.query('UPDATE billing.price_changes SET approved_by = $2, approved_at_ms = $3, effective_from_ms = $4 WHERE id = $1 AND approved_by IS NULL', [id, by, atMs, effectiveFromMs]);
  }

  /** `version` null: its offer has left the market. */
  async end(manager: EntityManager, id: string, atMs: number, version: string | null): Promise<void> {
    await manager.query('UPDATE billing.price_changes SET ended_at_ms = $2, version = $3 WHERE id = $1 AND ended_at_ms IS NULL', [id, atMs, version]);
  }

  /** Approved ones whose time has come, in the order in which they begin. */
  async due(manager: EntityManager, nowMs: number, limit: number): Promise<PriceChange[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.price_changes WHERE approved_by IS NOT NULL AND ended_at_ms IS NULL AND effective_from_ms <= $1 ORDER BY effective_from_ms, approved_at_ms, id LIMIT $2`, [nowMs, limit])).map(fromRow);
  }

  async list(manager: EntityManager, offer: string | undefined, after: string | undefined, limit: number): Promise<PriceChange[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.price_changes WHERE ($1::uuid IS NULL OR offer = $1) AND ($2::text IS NULL OR id::text COLLATE "C" > $2) ORDER BY id LIMIT $3`, [offer ?? null, after ?? null, limit])).map(fromRow);
  }
}
