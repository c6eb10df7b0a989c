import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import type { LeaseRecall } from '#protocol';
import { runNamed } from '../ledger/named-statement.js';
import type { GrantedLease, OpenHold } from './lease-return.js';
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

/** A lease with its holder. */
export interface HeldLease extends GrantedLease {
  readonly id: string;
  readonly budget: string;
  readonly tenant: string;
  readonly gateway: string;
  readonly fence: number;
  readonly returnedNanos: Nanos;
}

/** What is out with one gateway, the holds and what is not booked yet included. */
export interface Outstanding {
  readonly gateway: string;
  readonly nanos: Nanos;
}

/** Where a process is on its own clock. */
export interface Age {
  readonly nowMs: number;
  readonly startedAtMs: number;
}

interface LeaseRow {
  id: string;
  budget: string;
  tenant: string;
  fence: string;
  state: 'open' | 'closed';
  remaining_nanos: string;
}

/**
 * An open lease whose time is over at `$1`, of a process that started at `$2`. One of an earlier process may bear times of another wall clock: unless its holder
 * released it, it has its whole life from the start on. One that is dated further ahead than a life is over then, too: the clock was set back.
 */
const isDue = `state = 'open' AND (closes_at_ms <= $1::bigint OR granted_at_ms - $1::bigint > closes_at_ms - granted_at_ms AND $1::bigint - $2::bigint >= closes_at_ms - granted_at_ms)
  AND (granted_at_ms >= $2::bigint OR closed_reason = 'released' OR $1::bigint - $2::bigint >= closes_at_ms - granted_at_ms)`;

const columns = 'id, budget, tenant, fence, state, remaining_nanos';

const fromRow = (row: LeaseRow): LeaseBalance => ({
  id: row.id,
  budget: row.budget,
  tenant: row.tenant,
  fence: Number(row.fence),
  open: row.state === 'open',
  remainingNanos: BigInt(row.remaining_nanos),
  keptNanos: 0n,
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

  /** Leases by id, and those under which `records` were admitted, locked in id order. */
  async lock(manager: EntityManager, ids: readonly string[], records: readonly string[]): Promise<ReadonlyMap<string, LeaseBalance>> {
    const rows = await runNamed<LeaseRow>(
      manager,
      'lock-leases',
      `SELECT ${columns} FROM billing.leases WHERE id = ANY($1::uuid[] || ARRAY(SELECT a.lease FROM billing.admissions a WHERE a.record = ANY($2::uuid[]))) ORDER BY id FOR UPDATE`,
      [ids, records],
    );
    const kept = await this.keptBy(manager, rows.filter((row) => row.state === 'closed' && row.remaining_nanos !== '0').map(({ id }) => id));
    return new Map(rows.map((row) => [row.id, { ...fromRow(row), keptNanos: kept.get(row.id) ?? 0n }]));
  }

  /** What closed leases, which are locked, keep for their open admissions. */
  private async keptBy(manager: EntityManager, closed: readonly string[]): Promise<ReadonlyMap<string, Nanos>> {
    if (closed.length === 0) return new Map();
    const rows = await manager.query<{ lease: string; nanos: string }[]>(
      `SELECT lease, sum(kept_nanos) AS nanos FROM billing.admissions WHERE lease = ANY($1::uuid[]) AND state IN ('open', 'closing') GROUP BY lease`,
      [closed],
    );
    return new Map(rows.map(({ lease, nanos }) => [lease, BigInt(nanos)]));
  }

  /** Leases by id with their holders, locked in id order. */
  async lockHeld(manager: EntityManager, ids: readonly string[]): Promise<ReadonlyMap<string, HeldLease>> {
    const rows = await manager.query<(LeaseRow & { gateway: string; amount_nanos: string; returned_nanos: string })[]>(
      `SELECT ${columns}, gateway, amount_nanos, returned_nanos FROM billing.leases WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`,
      [ids],
    );
    const held = rows.map((row): HeldLease => ({ ...fromRow(row), gateway: row.gateway, returnedNanos: BigInt(row.returned_nanos), grantedNanos: BigInt(row.amount_nanos) - BigInt(row.returned_nanos) }));
    return new Map(held.map((lease) => [lease.id, lease]));
  }

  /** Takes what holders give back out of their leases, which are locked. */
  async giveBack(manager: EntityManager, given: ReadonlyMap<string, Nanos>): Promise<void> {
    await manager.query(
      'UPDATE billing.leases l SET remaining_nanos = l.remaining_nanos - g.nanos, returned_nanos = l.returned_nanos + g.nanos FROM unnest($1::uuid[], $2::bigint[]) AS g(id, nanos) WHERE l.id = g.id',
      [[...given.keys()], [...given.values()]],
    );
  }

  /** Gateways that may have money of a budget, or of any of the organisation's; of one key's leases, or of all. */
  async outstanding(manager: EntityManager, { tenant, budget, keyId }: LeaseRecall): Promise<Outstanding[]> {
    const rows = await manager.query<{ gateway: string; nanos: string }[]>(
      `SELECT gateway, sum(remaining_nanos) AS nanos FROM billing.leases WHERE tenant = $1 AND remaining_nanos > 0 AND state = 'open' AND ($2::uuid IS NULL OR budget = $2) AND ($3::uuid IS NULL OR key_id = $3)
       GROUP BY gateway ORDER BY gateway`,
      [tenant, budget, keyId ?? null],
    );
    return rows.map(({ gateway, nanos }) => ({ gateway, nanos: BigInt(nanos) }));
  }

  /** Up to `max` open leases whose time is over at `nowMs`, for a process that started at `startedAtMs`, locked; those that others work on are left out. */
  async lockDue(manager: EntityManager, { nowMs, startedAtMs }: Age, max: number, budget: string | null): Promise<LeaseBalance[]> {
    const rows = await manager.query<LeaseRow[]>(
      `SELECT ${columns} FROM billing.leases WHERE ${isDue} AND ($4::uuid IS NULL OR budget = $4) ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED`,
      [nowMs, startedAtMs, max, budget],
    );
    return rows.map(fromRow);
  }

  /** The latest time, not after `nowMs`, until which the records of an open lease of the budget that is over must be booked. */
  async latestDueMs(manager: EntityManager, budget: string, { nowMs, startedAtMs }: Age): Promise<number | undefined> {
    const [row] = await manager.query<{ due: string | null }[]>(
      `SELECT max(CASE WHEN granted_at_ms >= $2::bigint AND closes_at_ms <= $1::bigint OR closed_reason = 'released' THEN LEAST(closes_at_ms, $1::bigint) ELSE GREATEST($2::bigint + closes_at_ms - granted_at_ms, LEAST(closes_at_ms, $1::bigint)) END) AS due
       FROM billing.leases WHERE budget = $3 AND ${isDue}`,
      [nowMs, startedAtMs, budget],
    );
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
      `UPDATE billing.leases SET state = 'closed', remaining_nanos = $2, returned_nanos = returned_nanos + $3, closed_at_ms = $4, closed_reason = COALESCE(closed_reason, 'expired') WHERE id = $1`,
      [lease, remainingNanos, returnedNanos, nowMs],
    );
  }

  async setRemaining(manager: EntityManager, remaining: ReadonlyMap<string, Nanos>): Promise<void> {
    await runNamed(
      manager,
      'use-leases',
      'UPDATE billing.leases l SET remaining_nanos = r.remaining FROM unnest($1::uuid[], $2::bigint[]) AS r(id, remaining) WHERE l.id = r.id AND l.remaining_nanos <> r.remaining',
      [[...remaining.keys()], [...remaining.values()]],
    );
  }
}
