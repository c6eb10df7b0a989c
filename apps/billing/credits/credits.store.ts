import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Credit } from '#protocol';

interface Row {
  id: string;
  tenant: string;
  name: string;
  amount_nanos: string;
  valid_from_ms: string;
  expires_at_ms: string;
  lapses_at_ms: string;
  granted_at_ms: string;
  used_nanos: string;
  lapsed_nanos: string;
}

const columns = 'id, tenant, name, amount_nanos, valid_from_ms, expires_at_ms, lapses_at_ms, granted_at_ms, used_nanos, lapsed_nanos';

function fromRow(row: Row): Credit {
  const [amountNanos, usedNanos, lapsedNanos] = [BigInt(row.amount_nanos), BigInt(row.used_nanos), BigInt(row.lapsed_nanos)];
  const { id, tenant, name } = row;
  return {
    ...{ id, tenant, name, amountNanos, usedNanos, lapsedNanos, leftNanos: amountNanos - usedNanos - lapsedNanos },
    ...{ validFromMs: Number(row.valid_from_ms), expiresAtMs: Number(row.expires_at_ms), lapsesAtMs: Number(row.lapses_at_ms), grantedAtMs: Number(row.granted_at_ms) },
  };
}

@Injectable()
export class CreditsStore {
  /** `false` when the id is known. */
  async grant(manager: EntityManager, { id, tenant, name, amountNanos, validFromMs, expiresAtMs, lapsesAtMs, grantedAtMs }: Credit, by: string | null): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO billing.credits (id, tenant, name, amount_nanos, valid_from_ms, expires_at_ms, lapses_at_ms, granted_by, granted_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING RETURNING id',
      [id, tenant, name, amountNanos, validFromMs, expiresAtMs, lapsesAtMs, by, grantedAtMs],
    );
    return rows.length > 0;
  }

  async find(manager: EntityManager, tenant: string, id: string): Promise<Credit | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.credits WHERE id = $1 AND tenant = $2`, [id, tenant]);
    return row && fromRow(row);
  }

  /** Of which something is left. Who uses them has the turn of the tenant's invoices. */
  async usable(manager: EntityManager, tenant: string): Promise<Credit[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.credits WHERE tenant = $1 AND used_nanos + lapsed_nanos < amount_nanos ORDER BY id`, [tenant])).map(fromRow);
  }

  /** Whose time is over with something left, of all organisations. */
  async lapsing(manager: EntityManager, nowMs: number, limit: number): Promise<Credit[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.credits WHERE used_nanos + lapsed_nanos < amount_nanos AND lapses_at_ms <= $1 ORDER BY lapses_at_ms, id LIMIT $2`, [nowMs, limit])).map(fromRow);
  }

  async use(manager: EntityManager, id: string, nanos: bigint): Promise<void> {
    await manager.query('UPDATE billing.credits SET used_nanos = used_nanos + $2 WHERE id = $1', [id, nanos]);
  }

  async lapse(manager: EntityManager, id: string, nanos: bigint): Promise<void> {
    await manager.query('UPDATE billing.credits SET lapsed_nanos = lapsed_nanos + $2 WHERE id = $1', [id, nanos]);
  }

  async list(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<Credit[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.credits WHERE tenant = $1 AND ($2::text IS NULL OR id::text COLLATE "C" > $2) ORDER BY id LIMIT $3`, [tenant, after ?? null, limit])).map(fromRow);
  }
}
