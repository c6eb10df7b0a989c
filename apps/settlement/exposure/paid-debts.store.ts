import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** The chain took back the block in which statement `s` was settled, by event `e`. */
const isLost = `e.payer = s.payer AND e.name = 'EpochSettled' AND e.taken_back_at IS NOT NULL AND (e.fields ->> 'epoch')::bigint = s.epoch`;

/** Brings the sums to what is final now: adds statements that are settled and not in them, and takes out those whose block is gone. Again changes nothing. */
const followPaid = `WITH paid AS (
    UPDATE settlement.statements s SET is_paid = true
    WHERE s.settled_tx IS NOT NULL AND NOT s.is_paid AND NOT EXISTS (SELECT 1 FROM settlement.chain_events e WHERE ${isLost}) RETURNING s.tenant, s.payees, s.rate, 1 AS sign
  ), unpaid AS (
    UPDATE settlement.statements s SET is_paid = false FROM settlement.chain_events e WHERE s.is_paid AND ${isLost} RETURNING s.tenant, s.payees, s.rate, -1 AS sign
  ), moved AS (
    SELECT m.tenant, lower(p ->> 'payee') AS payee, m.sign * (p ->> 'units')::numeric AS units, (m.rate ->> 'nanos')::numeric AS rate_nanos, (m.rate ->> 'units')::numeric AS rate_units
    FROM (SELECT * FROM paid UNION ALL SELECT * FROM unpaid) m, jsonb_array_elements(m.payees) p
  )
  INSERT INTO settlement.paid_debts AS d (tenant, payee, nanos, par_units)
  SELECT tenant, payee, coalesce(sum(sign(units) * div(abs(units) * rate_nanos + rate_units - 1, rate_units)), 0), coalesce(sum(units) FILTER (WHERE rate_nanos IS NULL), 0)
  FROM moved GROUP BY tenant, payee ORDER BY tenant, payee
  ON CONFLICT (tenant, payee) DO UPDATE SET nanos = d.nanos + excluded.nanos, par_units = d.par_units + excluded.par_units`;

/**
 * What final statements paid, by payee, as running sums: a look costs what there are payees, however many statements there were. A statement whose block the chain took back
 * pays nothing until it is in another. Runs in the caller's transaction.
 */
@Injectable()
export class PaidDebts {
  /** In the transaction that read the events, and that sees every tenant: the sums are never behind what the statements say. */
  async follow(manager: EntityManager): Promise<void> {
    await manager.query(followPaid);
  }

  /** Of a tenant, in nano-dollars by lower-case payee: each statement at its own rate, those without one at `parNanos` a unit. */
  async of(manager: EntityManager, tenant: string, parNanos: bigint): Promise<Map<string, bigint>> {
    const rows = await manager.query<{ payee: string; nanos: string }[]>('SELECT payee, nanos + par_units * $2::numeric AS nanos FROM settlement.paid_debts WHERE tenant = $1', [tenant, parNanos.toString()]);
    return new Map(rows.map(({ payee, nanos }) => [payee, BigInt(nanos)]));
  }
}
