import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import type { OpenHold } from './lease-return.js';
import type { LeaseBalance } from './lease-usage.js';

export interface NewLease {
  readonly id: string;
  readonly budget: string;
  readonly tenant: string;
  readonly keyId: string | undefined;
  readonly gateway: string;
  readonly amountNanos: Nanos;
  readonly grantedAtMs: number;
  readonly closesAtMs: number;
}

interface LeaseRow {
  id: string;
  budget: string;
  tenant: string;
  fence: string;
  state: 'open' | 'closed';
  remaining_nanos: string;
}

const columns = 'id, budget, tenant, fence, state, remaining_nanos';

const fromRow = (row: LeaseRow): LeaseBalance => ({
  id: row.id,
  budget: row.budget,
  tenant: row.tenant,
  fence: Number(row.fence),
  open: row.state === 'open',
  remainingNanos: BigInt(row.remaining_nanos),
});

@Injectable()
export class LeasesStore {
  /** Gateways other than `gateway` that hold a lease of the budget. */
  async otherHolders(manager: EntityManager, budget: string, gateway: string): Promise<number> {
    const [row] = await manager.query<{ holders: string }[]>(`SELECT count(DISTINCT gateway) AS holders FROM billing.leases WHERE budget = $1 AND state = 'open' AND gateway <> $2`, [budget, gateway]);
    return Number(row!.holders);
  }

  /** Inserts a lease under the holder's next fence. */
  async insert(manager: EntityManager, lease: NewLease): Promise<number> {
    const [row] = await manager.query<{ fence: string }[]>(
      `INSERT INTO billing.lease_fences AS f (budget, gateway, tenant, fence) VALUES ($1, $2, $3, 1)
       ON CONFLICT (budget, gateway) DO UPDATE SET fence = f.fence + 1 RETURNING fence`,
      [lease.budget, lease.gateway, lease.tenant],
    );
    const fence = Number(row!.fence);
    await manager.query(
      `INSERT INTO billing.leases (id, budget, tenant, gateway, fence, amount_nanos, remaining_nanos, state, granted_at_ms, closes_at_ms, key_id)
       VALUES ($1, $2, $3, $4, $5, $6, $6, 'open', $7, $8, $9)`,
      [lease.id, lease.budget, lease.tenant, lease.gateway, fence, lease.amountNanos, lease.grantedAtMs, lease.closesAtMs, lease.keyId ?? null],
    );
    return fence;
  }

  /** Lets a lease of this holder and fence close now; `false` when there is no such open lease. */
  async release(manager: EntityManager, lease: string, gateway: string, fence: number, nowMs: number): Promise<boolean> {
    const rows = await manager.query<[unknown[], number]>(
      `UPDATE billing.leases SET closes_at_ms = LEAST(closes_at_ms, $4), closed_reason = 'released'
       WHERE id = $1 AND gateway = $2 AND fence = $3 AND state = 'open' RETURNING id`,
      [lease, gateway, fence, nowMs],
    );
    return rows[1] > 0;
  }

  /** Leases by id, locked in id order. */
  async lock(manager: EntityManager, ids: readonly string[]): Promise<ReadonlyMap<string, LeaseBalance>> {
    const rows = await manager.query<LeaseRow[]>(`SELECT ${columns} FROM billing.leases WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, [ids]);
    return new Map(rows.map((row) => [row.id, fromRow(row)]));
  }

  /** Up to `max` open leases whose time is over at `nowMs`, locked; those that others work on are left out. */
  async lockDue(manager: EntityManager, nowMs: number, max: number, budget: string | null): Promise<LeaseBalance[]> {
    const rows = await manager.query<LeaseRow[]>(
      `SELECT ${columns} FROM billing.leases WHERE state = 'open' AND closes_at_ms <= $1 AND ($3::uuid IS NULL OR budget = $3)
       ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED`,
      [nowMs, max, budget],
    );
    return rows.map(fromRow);
  }

  /** The latest time at which an open lease of the budget was to close, not after `nowMs`. */
  async latestDueMs(manager: EntityManager, budget: string, nowMs: number): Promise<number | undefined> {
    const [row] = await manager.query<{ due: string | null }[]>(`SELECT max(closes_at_ms) AS due FROM billing.leases WHERE budget = $1 AND state = 'open' AND closes_at_ms <= $2`, [budget, nowMs]);
    return row?.due ? Number(row.due) : undefined;
  }

  /** Holds of admissions that are open under a lease. */
  async openHolds(manager: EntityManager, lease: string): Promise<OpenHold[]> {
    const rows = await manager.query<{ record: string; hold_nanos: string }[]>(
      `SELECT record, hold_nanos FROM billing.admissions WHERE lease = $1 AND state IN ('open', 'closing') ORDER BY record FOR UPDATE`,
      [lease],
    );
    return rows.map((row) => ({ record: row.record, holdNanos: BigInt(row.hold_nanos) }));
  }

  async close(manager: EntityManager, lease: string, remainingNanos: Nanos, returnedNanos: Nanos, nowMs: number): Promise<void> {
    await manager.query(
      `UPDATE billing.leases SET state = 'closed', remaining_nanos = $2, returned_nanos = $3, closed_at_ms = $4, closed_reason = COALESCE(closed_reason, 'expired') WHERE id = $1`,
      [lease, remainingNanos, returnedNanos, nowMs],
    );
  }

  async setRemaining(manager: EntityManager, remaining: ReadonlyMap<string, Nanos>): Promise<void> {
    await manager.query(
      'UPDATE billing.leases l SET remaining_nanos = r.remaining FROM unnest($1::uuid[], $2::bigint[]) AS r(id, remaining) WHERE l.id = r.id AND l.remaining_nanos <> r.remaining',
      [[...remaining.keys()], [...remaining.values()]],
    );
  }
}
