import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { rulesJson } from '#protocol';
import type { PriceBook } from '#protocol';

interface Row {
  id: string;
  note: string;
  asked_from_ms: string;
  rules: ReturnType<typeof rulesJson>;
  hash: string;
  proposed_by: string;
  proposed_at_ms: string;
  approved_by: string | null;
  approved_at_ms: string | null;
  effective_from_ms: string | null;
}

const columns = 'id, note, asked_from_ms, rules, hash, proposed_by, proposed_at_ms, approved_by, approved_at_ms, effective_from_ms';

const fromRow = (row: Row): PriceBook => ({
  id: row.id,
  note: row.note,
  effectiveFromMs: Number(row.effective_from_ms ?? row.asked_from_ms),
  rules: row.rules.map(({ requestNanos, cacheHitNanos, ...rule }) => ({ ...rule, ...(requestNanos !== undefined && { requestNanos: BigInt(requestNanos) }), ...(cacheHitNanos !== undefined && { cacheHitNanos: BigInt(cacheHitNanos) }) })),
  hash: row.hash,
  state: row.approved_by === null ? 'proposed' : 'approved',
  proposedBy: row.proposed_by,
  proposedAtMs: Number(row.proposed_at_ms),
  approvedBy: row.approved_by,
  approvedAtMs: row.approved_at_ms === null ? null : Number(row.approved_at_ms),
});

@Injectable()
export class PriceBooksStore {
  /** Approvals, and what follows from them, one after the other until the transaction ends. */
  async takeTurn(manager: EntityManager): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('billing.price-books', 0))`);
  }

  /** `false` when the id is known. */
  async propose(manager: EntityManager, { id, note, effectiveFromMs, rules, hash, proposedBy, proposedAtMs }: PriceBook): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO billing.price_books (id, note, asked_from_ms, rules, hash, proposed_by, proposed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING RETURNING id',
      [id, note, effectiveFromMs, JSON.stringify(rulesJson(rules)), hash, proposedBy, proposedAtMs],
    );
    return rows.length > 0;
  }

  async approve(manager: EntityManager, id: string, by: string, atMs: number, effectiveFromMs: number): Promise<void> {
    await manager.query('UPDATE billing.price_books SET approved_by = $2, approved_at_ms = $3, effective_from_ms = $4 WHERE id = $1 AND approved_by IS NULL', [id, by, atMs, effectiveFromMs]);
  }

  async find(manager: EntityManager, id: string): Promise<PriceBook | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.price_books WHERE id = $1`, [id]);
    return row && fromRow(row);
  }

  /** The approved one that began last. */
  async inForce(manager: EntityManager, nowMs: number): Promise<PriceBook | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.price_books WHERE approved_by IS NOT NULL AND effective_from_ms <= $1 ORDER BY effective_from_ms DESC, approved_at_ms DESC, id DESC LIMIT 1`, [nowMs]);
    return row && fromRow(row);
  }

  async list(manager: EntityManager, after: string | undefined, limit: number): Promise<PriceBook[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.price_books WHERE $1::text IS NULL OR id::text COLLATE "C" > $1 ORDER BY id LIMIT $2`, [after ?? null, limit])).map(fromRow);
  }
}
