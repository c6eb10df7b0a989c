import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Close, CloseDifference, RecordEnd } from '#protocol';
import type { ClosedCharge } from './compare.js';

/** Differences that are kept of one close. */
const namedMax = 1_000;

/** A close as it is kept: with the totals up to it. */
export interface StoredClose extends Omit<Close, 'charges' | 'chargedNanos' | 'unusualSpend'> {
  readonly allCharges: number;
  readonly allUnusual: number;
  readonly allNanos: bigint;
  /** Ended records that were found to have their charge, up to it. */
  readonly matched: number;
}

interface CloseRow {
  number: number;
  record: string;
  closed_at_ms: string;
  log_size: string;
  trial_balance_hash: string;
  charges: string;
  charged_nanos: string;
  matched: string;
  open_claims: string;
  unusual_spend: string;
  block: string | null;
  differences: number;
  carried: string;
}

const stored = `SELECT c.*, (SELECT count(*) FROM billing.close_carried r WHERE r.close = c.number) AS carried FROM billing.closes c`;

@Injectable()
export class ClosesStore {
  /** One close at a time, over all processes; until the transaction ends. */
  async tryLock(manager: EntityManager): Promise<boolean> {
    const [row] = await manager.query<{ locked: boolean }[]>(`SELECT pg_try_advisory_xact_lock(hashtextextended('billing.close', 0)) AS locked`);
    return row!.locked;
  }

  async last(manager: EntityManager): Promise<StoredClose | undefined> {
    return (await manager.query<CloseRow[]>(`${stored} ORDER BY number DESC LIMIT 1`)).map(fromRow)[0];
  }

  /** Newest first, numbers below `before`. */
  async page(manager: EntityManager, before: number | undefined, limit: number): Promise<StoredClose[]> {
    return (await manager.query<CloseRow[]>(`${stored} WHERE $1::integer IS NULL OR number < $1 ORDER BY number DESC LIMIT $2`, [before ?? null, limit])).map(fromRow);
  }

  async differences(manager: EntityManager, number: number): Promise<CloseDifference[]> {
    return manager.query<CloseDifference[]>('SELECT kind, subject, detail FROM billing.close_differences WHERE close = $1 ORDER BY line', [number]);
  }

  async carried(manager: EntityManager, number: number): Promise<RecordEnd[]> {
    const rows = await manager.query<{ record: string; type: RecordEnd['type']; tenant: string; log_index: string; charge_nanos: string | null; unreadable: boolean }[]>('SELECT record, type, tenant, log_index, charge_nanos, unreadable FROM billing.close_carried WHERE close = $1 ORDER BY log_index', [number]);
    return rows.map((row) => ({ index: Number(row.log_index), record: row.record, type: row.type, tenant: row.tenant, chargeNanos: row.charge_nanos === null ? null : BigInt(row.charge_nanos), unreadable: row.unreadable }));
  }

  async insert(manager: EntityManager, close: StoredClose, differences: readonly CloseDifference[], carried: readonly RecordEnd[]): Promise<void> {
    await manager.query(
      `INSERT INTO billing.closes (number, record, closed_at_ms, log_size, trial_balance_hash, charges, charged_nanos, matched, open_claims, unusual_spend, block, differences) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [close.number, close.record, close.closedAtMs, close.logSize, close.trialBalanceHash, close.allCharges, close.allNanos, close.matched, close.openClaims, close.allUnusual, close.block, close.differences],
    );
    const kept = differences.slice(0, namedMax);
    await manager.query('INSERT INTO billing.close_differences (close, line, kind, subject, detail) SELECT $1, d.* FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[]) AS d', [
      close.number,
      kept.map((_, line) => line),
      kept.map(({ kind }) => kind),
      kept.map(({ subject }) => subject),
      kept.map(({ detail }) => detail),
    ]);
    await manager.query('INSERT INTO billing.close_carried (close, record, type, tenant, log_index, charge_nanos, unreadable) SELECT $1, d.* FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::numeric[], $7::boolean[]) AS d', [
      close.number,
      carried.map(({ record }) => record),
      carried.map(({ type }) => type),
      carried.map(({ tenant }) => tenant),
      carried.map(({ index }) => index),
      carried.map(({ chargeNanos }) => chargeNanos),
      carried.map(({ unreadable }) => unreadable),
    ]);
  }

  /** Charges of the given records, by record. */
  async charges(manager: EntityManager, records: readonly string[]): Promise<ReadonlyMap<string, ClosedCharge>> {
    const rows = await manager.query<{ record: string; type: string; tenant: string; amount: string }[]>('SELECT record, record_type AS type, tenant, amount_nanos AS amount FROM billing.charges WHERE record = ANY($1::uuid[])', [records]);
    return new Map(rows.map((row) => [row.record, { record: row.record, recordType: row.type, tenant: row.tenant, amountNanos: BigInt(row.amount) }]));
  }

  /** Records of charges, in order. */
  async recordsAfter(manager: EntityManager, after: string | null, limit: number): Promise<string[]> {
    return (await manager.query<{ record: string }[]>('SELECT record FROM billing.charges WHERE $1::uuid IS NULL OR record > $1 ORDER BY record LIMIT $2', [after, limit])).map(({ record }) => record);
  }
}

function fromRow(row: CloseRow): StoredClose {
  return {
    number: row.number,
    record: row.record,
    closedAtMs: Number(row.closed_at_ms),
    logSize: Number(row.log_size),
    trialBalanceHash: row.trial_balance_hash,
    allCharges: Number(row.charges),
    allNanos: BigInt(row.charged_nanos),
    allUnusual: Number(row.unusual_spend),
    matched: Number(row.matched),
    carried: Number(row.carried),
    openClaims: Number(row.open_claims),
    block: row.block === null ? null : Number(row.block),
    differences: row.differences,
  };
}
