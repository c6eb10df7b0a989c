import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { PayoutHold } from '#protocol';

interface Row {
  id: string;
  tenant: string | null;
  payee: string;
  source: PayoutHold['source'];
  reason: string;
  placed_by: string | null;
  placed_at_ms: string;
  until_ms: string | null;
  released_at_ms: string | null;
  release_note: string | null;
}

const numberOrNull = (text: string | null): number | null => (text === null ? null : Number(text));

const fromRow = (row: Row): PayoutHold => ({
  id: row.id,
  tenant: row.tenant,
  payee: row.payee,
  source: row.source,
  reason: row.reason,
  placedBy: row.placed_by,
  placedAtMs: Number(row.placed_at_ms),
  untilMs: numberOrNull(row.until_ms),
  releasedAtMs: numberOrNull(row.released_at_ms),
  releaseNote: row.release_note,
});

/** Who is held back, and why. Runs in the caller's transaction, which sees one organisation or all. */
@Injectable()
export class HoldStore {
  /** False if a screening's hold of the payee is open already. */
  async insert(manager: EntityManager, hold: PayoutHold): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.payout_holds (id, tenant, payee, source, reason, placed_by, placed_at_ms, until_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
       ON CONFLICT (payee) WHERE source = 'screening' AND released_at_ms IS NULL DO NOTHING RETURNING 1`,
      [hold.id, hold.tenant, hold.payee, hold.source, hold.reason, hold.placedBy, hold.placedAtMs, hold.untilMs],
    );
    return rows.length === 1;
  }

  /** Locked until the transaction ends. */
  async lock(manager: EntityManager, id: string): Promise<PayoutHold | null> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_holds WHERE id = $1 FOR UPDATE', [id])).map(fromRow)[0] ?? null;
  }

  async release(manager: EntityManager, id: string, nowMs: number, note: string): Promise<void> {
    await manager.query('UPDATE settlement.payout_holds SET released_at_ms = $2, release_note = $3 WHERE id = $1', [id, nowMs, note]);
  }

  /** In force against what a tenant owes: its own, and those by every payer. */
  async inForce(manager: EntityManager, tenant: string, nowMs: number): Promise<PayoutHold[]> {
    const rows = await manager.query<Row[]>('SELECT * FROM settlement.payout_holds WHERE released_at_ms IS NULL AND (until_ms IS NULL OR until_ms > $2) AND (tenant IS NULL OR tenant = $1) ORDER BY id', [tenant, nowMs]);
    return rows.map(fromRow);
  }

  /** Newest first; of one organisation and of every payer, or all. */
  async page(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<PayoutHold[]> {
    const rows = await manager.query<Row[]>('SELECT * FROM settlement.payout_holds WHERE ($1::uuid IS NULL OR tenant IS NULL OR tenant = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3', [tenant, after ?? null, limit]);
    return rows.map(fromRow);
  }
}
