import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { conversionRate } from '#protocol';
import type { Statement } from './statement.js';

interface StatementRow {
  id: string;
  tenant: string;
  rate: z.input<typeof conversionRate>;
  total_units: string;
  cumulative_total_units: string;
}

interface LineRow {
  payee: string;
  units: string;
  cumulative_units: string;
  nanos: string;
}

const columns = 'id, tenant, rate, total_units, cumulative_total_units';

/** Statements: what was drawn for whom, and whether the chain has settled it. */
@Injectable()
export class StatementsStore {
  /** Draws of one tenant happen one after the other. */
  async lockTenant(manager: EntityManager, tenant: string): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('billing.draw ' || $1, 0))`, [tenant]);
  }

  async find(manager: EntityManager, id: string): Promise<Statement | undefined> {
    return this.load(manager, await manager.query<StatementRow[]>(`SELECT ${columns} FROM billing.statements WHERE id = $1`, [id]));
  }

  async unsettled(manager: EntityManager, tenant: string): Promise<Statement | undefined> {
    return this.load(manager, await manager.query<StatementRow[]>(`SELECT ${columns} FROM billing.statements WHERE tenant = $1 AND state = 'drawn'`, [tenant]));
  }

  /** Units of all statements of a tenant so far, in all and per payee. */
  async drawnUnits(manager: EntityManager, tenant: string): Promise<{ total: bigint; byPayee: ReadonlyMap<string, bigint> }> {
    const rows = await manager.query<{ payee: string; units: string }[]>('SELECT payee, sum(units) AS units FROM billing.statement_lines WHERE tenant = $1 GROUP BY payee', [tenant]);
    const byPayee = new Map(rows.map((row) => [row.payee, BigInt(row.units)]));
    return { byPayee, total: [...byPayee.values()].reduce((sum, units) => sum + units, 0n) };
  }

  async insert(manager: EntityManager, statement: Statement, currency: string, nowMs: number): Promise<void> {
    const { id, tenant, lines } = statement;
    await manager.query(`INSERT INTO billing.statements (${columns}, currency, state, drawn_at_ms) VALUES ($1, $2, $3, $4, $5, $6, 'drawn', $7)`, [
      id,
      tenant,
      JSON.stringify(z.encode(conversionRate, statement.rate)),
      statement.totalUnits,
      statement.cumulativeTotalUnits,
      currency,
      nowMs,
    ]);
    await manager.query(
      `INSERT INTO billing.statement_lines (statement, payee, tenant, units, cumulative_units, nanos)
       SELECT $1, l.payee, $2, l.units, l.cumulative, l.nanos FROM unnest($3::text[], $4::numeric[], $5::numeric[], $6::numeric[]) AS l(payee, units, cumulative, nanos)`,
      [id, tenant, lines.map(({ payee }) => payee), lines.map(({ units }) => units), lines.map(({ cumulativeUnits }) => cumulativeUnits), lines.map(({ nanos }) => nanos)],
    );
  }

  /**
   * Notes which charges a draw took: all of the payees whom it pays whole (`payees`) that are in the books (their accounts are locked) and in no
   * statement yet, and free ones of any payee. One of which something is held, or not paid yet, is in the statement that takes the last of it.
   */
  async takeCharges(manager: EntityManager, { id, tenant }: Statement, payees: readonly string[]): Promise<void> {
    await manager.query(
      `INSERT INTO billing.statement_charges (record, statement, tenant)
       SELECT c.record, $1, c.tenant FROM billing.charges c JOIN billing.nodes n ON n.id = c.node
       WHERE c.tenant = $2 AND (n.payout_address = ANY($3::text[]) OR c.amount_nanos = 0)
         AND NOT EXISTS (SELECT 1 FROM billing.statement_charges d WHERE d.record = c.record)
         AND NOT EXISTS (SELECT 1 FROM billing.holdbacks h WHERE h.record = c.record AND h.state = 'held')
       ORDER BY c.record`,
      [id, tenant, payees],
    );
  }

  /** Forgets a draw: its lines, and which charges it took. The ledger keeps what was posted. */
  async remove(manager: EntityManager, id: string): Promise<void> {
    await manager.query('DELETE FROM billing.statement_charges WHERE statement = $1', [id]);
    await manager.query('DELETE FROM billing.statement_lines WHERE statement = $1', [id]);
    await manager.query(`DELETE FROM billing.statements WHERE id = $1 AND state = 'drawn'`, [id]);
  }

  /** Marks a statement as settled on chain; `false` when it was already, or there is none. */
  async settle(manager: EntityManager, id: string, tx: string, nowMs: number): Promise<boolean> {
    const [rows] = await manager.query<[unknown[], number]>(`UPDATE billing.statements SET state = 'settled', settled_tx = $2, settled_at_ms = $3 WHERE id = $1 AND state = 'drawn' RETURNING id`, [id, tx, nowMs]);
    return rows.length > 0;
  }

  /** The charges of a statement, each with the node that did the work. */
  async charges(manager: EntityManager, statement: string): Promise<{ record: string; node: string }[]> {
    return manager.query('SELECT c.record, c.node FROM billing.statement_charges d JOIN billing.charges c ON c.record = d.record WHERE d.statement = $1 ORDER BY c.record', [statement]);
  }

  private async load(manager: EntityManager, [row]: StatementRow[]): Promise<Statement | undefined> {
    if (!row) return undefined;
    const lines = await manager.query<LineRow[]>('SELECT payee, units, cumulative_units, nanos FROM billing.statement_lines WHERE statement = $1 ORDER BY payee', [row.id]);
    return {
      id: row.id,
      tenant: row.tenant,
      rate: z.decode(conversionRate, row.rate),
      lines: lines.map((line) => ({ payee: line.payee, units: BigInt(line.units), cumulativeUnits: BigInt(line.cumulative_units), nanos: BigInt(line.nanos) })),
      totalUnits: BigInt(row.total_units),
      cumulativeTotalUnits: BigInt(row.cumulative_total_units),
    };
  }
}
