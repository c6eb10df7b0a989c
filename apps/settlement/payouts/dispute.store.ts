import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { PayoutDispute } from '#protocol';

interface Row {
  id: string;
  tenant: string;
  statement: string;
  payee: string;
  units: string;
  opened_by: PayoutDispute['openedBy'];
  reason: string;
  opened_at_ms: string;
  resolved_at_ms: string | null;
  resolution: string | null;
}

const fromRow = (row: Row): PayoutDispute => ({
  id: row.id,
  tenant: row.tenant,
  statement: row.statement,
  payee: row.payee,
  units: BigInt(row.units),
  openedBy: row.opened_by,
  reason: row.reason,
  openedAtMs: Number(row.opened_at_ms),
  resolvedAtMs: row.resolved_at_ms === null ? null : Number(row.resolved_at_ms),
  resolution: row.resolution,
});

/** Lines of statements that somebody does not agree with. Runs in the caller's transaction, which sees one organisation or all. */
@Injectable()
export class DisputeStore {
  /** Whose statement it is and what it pays a payee (EIP-55); null: nothing. */
  async line(manager: EntityManager, statement: string, payee: string): Promise<{ tenant: string; units: bigint } | null> {
    const rows = await manager.query<{ tenant: string; units: string }[]>(
      `SELECT s.tenant, p ->> 'units' AS units FROM settlement.statements s, jsonb_array_elements(s.payees) p WHERE s.id = $1 AND lower(p ->> 'payee') = lower($2)`,
      [statement, payee],
    );
    return rows[0] ? { tenant: rows[0].tenant, units: BigInt(rows[0].units) } : null;
  }

  /** False if a dispute of the line is open already, or was opened by what was signed at this very time. */
  async insert(manager: EntityManager, dispute: PayoutDispute, signedAtMs: number | null): Promise<boolean> {
    const { id, tenant, statement, payee, units, openedBy, reason, openedAtMs } = dispute;
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.payout_disputes (id, tenant, statement, payee, units, opened_by, reason, opened_at_ms, signed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       ON CONFLICT DO NOTHING RETURNING 1`,
      [id, tenant, statement, payee, units.toString(), openedBy, reason, openedAtMs, signedAtMs],
    );
    return rows.length === 1;
  }

  async open(manager: EntityManager, statement: string, payee: string): Promise<PayoutDispute | null> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_disputes WHERE statement = $1 AND payee = $2 AND resolved_at_ms IS NULL', [statement, payee])).map(fromRow)[0] ?? null;
  }

  /** What a payee's signature of a time opened, whatever became of it. */
  async signedAt(manager: EntityManager, statement: string, payee: string, signedAtMs: number): Promise<PayoutDispute | null> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_disputes WHERE statement = $1 AND payee = $2 AND signed_at_ms = $3', [statement, payee, signedAtMs])).map(fromRow)[0] ?? null;
  }

  /** Locked until the transaction ends. */
  async lock(manager: EntityManager, id: string): Promise<PayoutDispute | null> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_disputes WHERE id = $1 FOR UPDATE', [id])).map(fromRow)[0] ?? null;
  }

  async resolve(manager: EntityManager, id: string, nowMs: number, resolution: string): Promise<void> {
    await manager.query('UPDATE settlement.payout_disputes SET resolved_at_ms = $2, resolution = $3 WHERE id = $1', [id, nowMs, resolution]);
  }

  /** Open ones of a tenant. */
  async inForce(manager: EntityManager, tenant: string): Promise<PayoutDispute[]> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_disputes WHERE tenant = $1 AND resolved_at_ms IS NULL ORDER BY id', [tenant])).map(fromRow);
  }

  async page(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<PayoutDispute[]> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.payout_disputes WHERE ($1::uuid IS NULL OR tenant = $1) AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3', [tenant, after ?? null, limit])).map(fromRow);
  }
}
