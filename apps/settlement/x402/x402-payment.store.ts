import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { PaymentPayload, x402PaymentStates } from '#protocol';
import type { TransactionState } from '../transactions/transaction.js';

export interface X402PaymentRow {
  readonly id: string;
  readonly tenant: string;
  readonly record: string | null;
  /** EIP-55, as are `payTo` and `asset`. */
  readonly payer: string;
  readonly payTo: string;
  readonly asset: string;
  readonly scheme: 'exact' | 'upto';
  readonly payload: PaymentPayload['payload'];
  /** Base units. */
  readonly amountMax: bigint;
  readonly amount: bigint | null;
  readonly state: (typeof x402PaymentStates)[number];
  /** What became final, or was mined. */
  readonly tx: string | null;
  readonly error: string | null;
  /** Our own transaction's, while there is one. */
  readonly sending: TransactionState | null;
  readonly createdAtMs: number;
  /** The newest block when it was set aside; null of old ones. */
  readonly fromBlock: number | null;
  /** The last final block that was searched for somebody else's transaction of it. */
  readonly searchedTo: number | null;
  /** Of which place the payer is taken to be, as ISO 3166-1 says it; null where that does not matter. */
  readonly jurisdiction: string | null;
}

export interface NewClaim extends Pick<X402PaymentRow, 'id' | 'tenant' | 'record' | 'payer' | 'payTo' | 'asset' | 'scheme' | 'payload' | 'amountMax' | 'fromBlock' | 'jurisdiction'> {
  readonly requestHash: string | null;
  readonly nowMs: number;
  readonly untilMs: number;
}

type Row = Record<keyof X402PaymentRow, string | null>;

const columns = `p.id, p.tenant, p.record, p.payer, p.pay_to AS "payTo", p.asset, p.scheme, p.payload, p.amount_max AS "amountMax", p.amount, p.state,
  coalesce(p.tx, t.mined_tx) AS tx, coalesce(p.error, t.error) AS error, t.state AS sending, floor(extract(epoch FROM p.created_at) * 1000) AS "createdAtMs",
  p.from_block AS "fromBlock", p.searched_to AS "searchedTo", p.jurisdiction`;
const from = 'settlement.x402_payments p LEFT JOIN settlement.transactions t ON t.id = p.transaction';

const numberOf = (text: string | null): number | null => (text === null ? null : Number(text));

const fromRow = (row: Row): X402PaymentRow =>
  ({
    ...row,
    amountMax: BigInt(row.amountMax!),
    amount: row.amount === null ? null : BigInt(row.amount),
    createdAtMs: Number(row.createdAtMs),
    fromBlock: numberOf(row.fromBlock),
    searchedTo: numberOf(row.searchedTo),
  }) as unknown as X402PaymentRow;

/** Payments by x402, each authorisation once. Runs in the caller's transaction. */
@Injectable()
export class X402PaymentStore {
  /** Base units of the payer's that are spoken for by others of its payments: no two are claimed at once under this lock. */
  async spokenFor(manager: EntityManager, { id, payer, asset, nowMs }: Pick<NewClaim, 'id' | 'payer' | 'asset' | 'nowMs'>): Promise<bigint> {
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 402))', [payer]);
    const rows = await manager.query<{ sum: string }[]>(
      `SELECT coalesce(sum(coalesce(p.amount, p.amount_max)), 0) AS sum FROM ${from}
       WHERE p.payer = $1 AND p.asset = $2 AND p.id <> $3
         AND ((p.state = 'claimed' AND p.claimed_until > to_timestamp($4 / 1000.0)) OR (p.state = 'collecting' AND t.state NOT IN ('mined', 'final', 'failed')))`,
      [payer, asset, id, nowMs],
    );
    return BigInt(rows[0]!.sum);
  }

  /** False if the authorisation pays for something else already. The same request may claim it again. */
  async claim(manager: EntityManager, claim: NewClaim): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.x402_payments AS p (id, tenant, record, request_hash, payer, pay_to, asset, scheme, payload, amount_max, state, claimed_until, created_at, from_block, jurisdiction)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'claimed', to_timestamp($11 / 1000.0), to_timestamp($12 / 1000.0), $13, $14)
       ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, record = excluded.record, request_hash = excluded.request_hash, pay_to = excluded.pay_to, asset = excluded.asset,
         scheme = excluded.scheme, payload = excluded.payload, amount_max = excluded.amount_max, claimed_until = excluded.claimed_until, from_block = excluded.from_block,
         jurisdiction = excluded.jurisdiction
       WHERE p.state = 'claimed' AND (p.claimed_until <= to_timestamp($12 / 1000.0) OR (p.tenant = excluded.tenant AND p.request_hash = excluded.request_hash))
       RETURNING 1`,
      [claim.id, claim.tenant, claim.record, claim.requestHash, claim.payer, claim.payTo, claim.asset, claim.scheme, JSON.stringify(claim.payload), claim.amountMax.toString(), claim.untilMs, claim.nowMs, claim.fromBlock, claim.jurisdiction],
    );
    return rows.length === 1;
  }

  async release(manager: EntityManager, id: string): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`WITH gone AS (DELETE FROM settlement.x402_payments WHERE id = $1 AND state = 'claimed' RETURNING 1) SELECT * FROM gone`, [id]);
    return rows.length === 1;
  }

  async get(manager: EntityManager, id: string): Promise<X402PaymentRow | null> {
    const rows = await manager.query<Row[]>(`SELECT ${columns} FROM ${from} WHERE p.id = $1`, [id]);
    return rows[0] ? fromRow(rows[0]) : null;
  }

  /** The same, and nobody else may change it until the transaction ends. */
  async lock(manager: EntityManager, id: string): Promise<X402PaymentRow | null> {
    await manager.query('SELECT 1 FROM settlement.x402_payments WHERE id = $1 FOR UPDATE', [id]);
    return this.get(manager, id);
  }

  /** Fixes the amount; without a transaction there is nothing to send, and it is settled. */
  async collect(manager: EntityManager, id: string, amount: bigint, transaction: string | null): Promise<void> {
    await manager.query(`UPDATE settlement.x402_payments SET amount = $2, transaction = $3::uuid, state = CASE WHEN $3::uuid IS NULL THEN 'settled' ELSE 'collecting' END WHERE id = $1`, [id, amount.toString(), transaction]);
  }

  /** False if another process was first. */
  async end(manager: EntityManager, id: string, end: { tx: string } | { error: string }): Promise<boolean> {
    const [state, tx, error] = 'tx' in end ? ['settled', end.tx, null] : ['failed', null, end.error];
    const rows = await manager.query<unknown[]>(`WITH ended AS (UPDATE settlement.x402_payments SET state = $2, tx = $3, error = $4 WHERE id = $1 AND state = 'collecting' RETURNING 1) SELECT 1 FROM ended`, [id, state, tx, error]);
    return rows.length === 1;
  }

  /**
   * Gives a payment one of the transfers of a transaction, by the index of its log: the one that it has already, if that is among them, else the first that no other payment has; null when
   * there is none left.
   */
  async takeTransfer(manager: EntityManager, id: string, { tx, blockNumber, logIndexes }: { tx: string; blockNumber: number; logIndexes: readonly number[] }): Promise<number | null> {
    await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 403))', [tx]);
    const rows = await manager.query<{ id: string; paid_log: number }[]>(`SELECT id, paid_log FROM settlement.x402_payments WHERE paid_tx = $1 AND state <> 'failed'`, [tx]);
    const own = rows.find((row) => row.id === id)?.paid_log;
    const others = new Set(rows.filter((row) => row.id !== id).map((row) => row.paid_log));
    const taken = own !== undefined && logIndexes.includes(own) ? own : logIndexes.find((index) => !others.has(index));
    if (taken === undefined) return null;
    await manager.query('UPDATE settlement.x402_payments SET paid_tx = $2, paid_log = $3, paid_block = $4 WHERE id = $1 AND (paid_tx, paid_log, paid_block) IS DISTINCT FROM ($2, $3, $4)', [id, tx, taken, blockNumber]);
    return taken;
  }

  /** Whose transaction has come to an end, good or bad; those first that were not looked at for longest. None is looked at twice within `againMs`. */
  async ended(manager: EntityManager, limit: number, againMs: number): Promise<X402PaymentRow[]> {
    const rows = await manager.query<Row[]>(
      `WITH due AS (SELECT p.id FROM ${from} WHERE p.state = 'collecting' AND t.state IN ('final', 'failed') AND (p.looked_at IS NULL OR p.looked_at <= now() - $2 * interval '1 ms') ORDER BY p.looked_at NULLS FIRST, p.id LIMIT $1),
         looked AS (UPDATE settlement.x402_payments SET looked_at = now() WHERE id IN (SELECT id FROM due))
       SELECT ${columns} FROM ${from} WHERE p.id IN (SELECT id FROM due) ORDER BY p.looked_at NULLS FIRST, p.id`,
      [limit, againMs],
    );
    return rows.map(fromRow);
  }

  /** Payments that were set aside and have used no gas yet, and the most that one of the last hour could cost, in wei. */
  async gasAhead(manager: EntityManager, nowMs: number): Promise<{ unsent: number; boundWei: bigint }> {
    const rows = await manager.query<{ unsent: string; bound: string }[]>(
      `SELECT (SELECT count(*) FROM ${from} WHERE (p.state = 'claimed' AND p.claimed_until > to_timestamp($1 / 1000.0)) OR (p.state = 'collecting' AND t.state = 'planned')) AS unsent,
         (SELECT coalesce(max(gas_wei_bound), 0) FROM settlement.transactions WHERE purpose = 'x402' AND signed_at > now() - interval '1 hour') AS bound`,
      [nowMs],
    );
    return { unsent: Number(rows[0]!.unsent), boundWei: BigInt(rows[0]!.bound) };
  }

  async searched(manager: EntityManager, id: string, block: number): Promise<void> {
    await manager.query('UPDATE settlement.x402_payments SET searched_to = $2 WHERE id = $1', [id, block]);
  }

  /** The newest first, after one. */
  async page(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after: string | undefined; limit: number }): Promise<{ data: X402PaymentRow[]; hasMore: boolean }> {
    const rows = await manager.query<Row[]>(
      `SELECT ${columns} FROM ${from}
       WHERE ($1::uuid IS NULL OR p.tenant = $1) AND ($2::text IS NULL OR (p.created_at, p.id) < (SELECT created_at, id FROM settlement.x402_payments WHERE id = $2))
       ORDER BY p.created_at DESC, p.id DESC LIMIT $3`,
      [tenant, after ?? null, limit + 1],
    );
    return { data: rows.slice(0, limit).map(fromRow), hasMore: rows.length > limit };
  }
}
