import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Holdback, HoldbackRule, Verdict } from '#protocol';
import type { HeldAmount } from './holdback-transfers.js';

interface Row {
  record: string;
  tenant: string;
  node: string;
  amount_nanos: string;
  state: Holdback['state'];
  release_at_ms: string;
  ended_at_ms: string | null;
  forfeited_nanos: string;
  reason: string | null;
}

/** A holdback that may end now, and how. */
export interface DueHoldback extends HeldAmount {
  readonly passed: boolean;
  /** What is credited to the tenant; 0 when it passed. */
  readonly forfeitedNanos: bigint;
  /** `null`: its time is over. */
  readonly reason: string | null;
  /** Of the person who said so; `null`: verification did, or nobody. */
  readonly keyId: string | null;
}

const columns = 'record, tenant, node, amount_nanos, state, release_at_ms, ended_at_ms, forfeited_nanos, reason';

const fromRow = ({ amount_nanos: amount, release_at_ms: release, ended_at_ms: ended, forfeited_nanos: forfeited, ...row }: Row): Holdback => ({ ...row, amountNanos: BigInt(amount), forfeitedNanos: BigInt(forfeited), releaseAtMs: Number(release), endedAtMs: ended === null ? null : Number(ended) });

/** Its machine signed for other work than was charged, and nobody has ended that claim: by time alone such money goes nowhere. */
const contradicted = `EXISTS (SELECT FROM billing.receipts r WHERE r.record = h.record AND r.node = h.node AND r.state = 'claim' AND r.reason IN ('usage_differs', 'content_differs')
  AND NOT EXISTS (SELECT FROM billing.claim_resolutions d WHERE d.record = r.record AND d.node = r.node))`;

@Injectable()
export class HoldbacksStore {
  async rules(manager: EntityManager): Promise<HoldbackRule[]> {
    const rows = await manager.query<{ target: string; basis_points: number; hold_ms: string; changed_at_ms: string }[]>('SELECT target, basis_points, hold_ms, changed_at_ms FROM billing.holdback_rules ORDER BY target');
    return rows.map((row) => ({ target: row.target, basisPoints: row.basis_points, holdMs: Number(row.hold_ms), changedAtMs: Number(row.changed_at_ms) }));
  }

  /** `false` when it says so already. */
  async putRule(manager: EntityManager, { target, basisPoints, holdMs, changedAtMs }: HoldbackRule): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH put AS (INSERT INTO billing.holdback_rules AS r (target, basis_points, hold_ms, changed_at_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (target) DO UPDATE SET basis_points = EXCLUDED.basis_points, hold_ms = EXCLUDED.hold_ms, changed_at_ms = EXCLUDED.changed_at_ms
         WHERE (r.basis_points, r.hold_ms) <> (EXCLUDED.basis_points, EXCLUDED.hold_ms) RETURNING target) SELECT target FROM put`,
      [target, basisPoints, holdMs, changedAtMs],
    );
    return rows.length > 0;
  }

  async insert(manager: EntityManager, holdbacks: readonly (HeldAmount & { releaseAtMs: number })[]): Promise<void> {
    await manager.query(
      `INSERT INTO billing.holdbacks (record, tenant, node, amount_nanos, state, release_at_ms)
       SELECT record, tenant, node, amount, 'held', release FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[]) AS h(record, tenant, node, amount, release) ORDER BY record`,
      [holdbacks.map(({ record }) => record), holdbacks.map(({ tenant }) => tenant), holdbacks.map(({ node }) => node), holdbacks.map(({ amountNanos }) => amountNanos), holdbacks.map(({ releaseAtMs }) => releaseAtMs)],
    );
  }

  /** Those whose time is over and whose machine said one thing of them, or about which something was said, locked; those that others end now are left out. */
  async lockDue(manager: EntityManager, nowMs: number, max: number, record: string | null): Promise<DueHoldback[]> {
    const rows = await manager.query<(Pick<Row, 'record' | 'tenant' | 'node' | 'amount_nanos'> & { passed: boolean | null; said: string | null; key_id: string | null; payee: string | null })[]>(
      `SELECT h.record, h.tenant, h.node, h.amount_nanos, v.passed, v.reason AS said, v.actor ->> 'keyId' AS key_id, n.payout_address AS payee
       FROM billing.holdbacks h LEFT JOIN billing.verdicts v ON v.record = h.record AND v.node = h.node LEFT JOIN billing.nodes n ON n.id = h.node
       WHERE h.state = 'held' AND ((h.release_at_ms <= $1 AND NOT ${contradicted}) OR v.record IS NOT NULL) AND ($3::uuid IS NULL OR h.record = $3) ORDER BY h.record LIMIT $2 FOR UPDATE OF h ${record === null ? 'SKIP LOCKED' : ''}`,
      [nowMs, max, record],
    );
    return rows.map(({ record: of, tenant, node, amount_nanos: amount, passed, said, key_id: keyId, payee }) => ({ record: of, tenant, node, amountNanos: BigInt(amount), payee: payee ?? undefined, passed: passed ?? true, forfeitedNanos: 0n, reason: said, keyId }));
  }

  /** What owners of data have not got of charges, by record; no more than what is still owed for the request. */
  async leftOf(manager: EntityManager, records: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    const rows = await manager.query<{ record: string; nanos: string }[]>(
      `SELECT c.record, LEAST(COALESCE(c.earned_nanos, c.amount_nanos) - COALESCE((SELECT sum(r.amount_nanos) FROM billing.royalties r WHERE r.record = c.record), 0),
         c.amount_nanos + COALESCE((SELECT sum(j.amount_nanos) FROM billing.adjustments j WHERE j.record = c.record), 0)) AS nanos
       FROM billing.charges c WHERE c.record = ANY($1::uuid[])`,
      [records],
    );
    return new Map(rows.map(({ record, nanos }) => [record, BigInt(nanos)]));
  }

  async end(manager: EntityManager, ended: readonly DueHoldback[], nowMs: number): Promise<void> {
    await manager.query(
      `UPDATE billing.holdbacks h SET state = CASE WHEN e.passed THEN 'released' ELSE 'forfeited' END, ended_at_ms = $4, reason = e.reason, forfeited_nanos = e.forfeited
       FROM unnest($1::uuid[], $2::boolean[], $3::text[], $5::bigint[]) AS e(record, passed, reason, forfeited) WHERE h.record = e.record`,
      [ended.map(({ record }) => record), ended.map(({ passed }) => passed), ended.map(({ reason }) => reason), nowMs, ended.map(({ forfeitedNanos }) => forfeitedNanos)],
    );
  }

  /** The first word counts: `false` when there was one. */
  async judge(manager: EntityManager, { record, node, passed, reason }: Verdict, actor: unknown, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>('INSERT INTO billing.verdicts (record, node, passed, reason, actor, decided_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (record, node) DO NOTHING RETURNING record', [
      record, node, passed, reason, actor === null ? null : JSON.stringify(actor), nowMs,
    ]);
    return rows.length > 0;
  }

  /** The tenant of a charge of this machine of which nothing is held any more. Whoever ends the holdback at this moment is waited for: it may not have seen what was said. */
  async paidTenant(manager: EntityManager, record: string, node: string): Promise<string | undefined> {
    await manager.query('SELECT 1 FROM billing.holdbacks WHERE record = $1 FOR SHARE', [record]);
    const [row] = await manager.query<{ tenant: string }[]>(`SELECT c.tenant FROM billing.charges c WHERE c.record = $1 AND c.node = $2 AND NOT EXISTS (SELECT 1 FROM billing.holdbacks h WHERE h.record = c.record AND h.state = 'held')`, [record, node]);
    return row?.tenant;
  }

  async find(manager: EntityManager, record: string): Promise<Holdback | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.holdbacks WHERE record = $1`, [record]);
    return row && fromRow(row);
  }

  /** In order of record. */
  async list(manager: EntityManager, { tenant, state, after, limit }: { tenant: string | null; state: Holdback['state'] | 'all'; after?: string | undefined; limit: number }): Promise<Holdback[]> {
    const rows = await manager.query<Row[]>(
      `SELECT ${columns} FROM billing.holdbacks WHERE ($1::uuid IS NULL OR tenant = $1) AND ($2 = 'all' OR state = $2) AND ($3::text IS NULL OR record::text COLLATE "C" > $3) ORDER BY record LIMIT $4`,
      [tenant, state, after ?? null, limit],
    );
    return rows.map(fromRow);
  }
}
