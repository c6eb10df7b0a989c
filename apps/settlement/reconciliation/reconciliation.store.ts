import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { reconciliation } from '#protocol';
import type { Reconciliation } from '#protocol';
import type { Cursor } from '../chain-events/chain-event.store.js';

export interface KeptReconciliation {
  readonly number: string;
  readonly agreedBlock: number;
  readonly result: Reconciliation;
}

/** Sums of what was read of the chain for one payer, up to a block; in units. */
export interface PayerSums {
  readonly address: string;
  readonly tenant: string | null;
  readonly depositedUnits: bigint;
  readonly withdrawnUnits: bigint;
  readonly settledUnits: bigint;
  readonly paidOutUnits: bigint;
  readonly statementUnits: bigint;
  readonly unbookedUnits: bigint;
  /** What was in a final block and is in none now. */
  readonly takenBack: readonly string[];
}

interface SumsRow {
  address: string;
  tenant: string | null;
  block: string;
  deposited: string;
  withdrawn: string;
  settled: string;
  paid_out: string;
  statements: string;
  unbooked: string;
  taken_back: string[];
}

/** Runs in the caller's transaction. */
@Injectable()
export class ReconciliationStore {
  /** Everybody who ever had anything in the escrow or pays for somebody, and the last block that was read: of one instant. */
  async sums(manager: EntityManager, { chainId, escrow }: Cursor): Promise<{ block: number; payers: PayerSums[] }> {
    const rows = await manager.query<SumsRow[]>(
      `WITH events AS (
         SELECT payer AS address, sum(units) FILTER (WHERE name = 'Deposited') AS deposited, sum(units) FILTER (WHERE name = 'DepositWithdrawn') AS withdrawn,
           sum(units) FILTER (WHERE name = 'EpochSettled') AS settled, sum(units) FILTER (WHERE name = 'Withdrawn') AS paid_out,
           sum(CASE name WHEN 'Deposited' THEN units ELSE -units END) FILTER (WHERE held IS NOT NULL) AS unbooked
         FROM settlement.chain_events WHERE taken_back_at IS NULL AND block_number < (SELECT next_block FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2) GROUP BY payer
       ), gone AS (
         SELECT payer AS address, array_agg(name || ' of ' || units || ' units (' || tx || ')' ORDER BY tx, log_index) AS taken_back FROM settlement.chain_events WHERE taken_back_at IS NOT NULL AND reversed_at IS NULL AND tenant IS NOT NULL GROUP BY payer
       ), paid AS (
         SELECT payer AS address, sum(total_units) AS statements FROM settlement.statements WHERE settled_tx IS NOT NULL GROUP BY payer)
       SELECT address, p.tenant, (SELECT next_block - 1 FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2) AS block, coalesce(deposited, 0) AS deposited, coalesce(withdrawn, 0) AS withdrawn,
         coalesce(settled, 0) AS settled, coalesce(paid_out, 0) AS paid_out, coalesce(statements, 0) AS statements, coalesce(unbooked, 0) AS unbooked, coalesce(taken_back, '{}') AS taken_back
       FROM events FULL JOIN gone USING (address) FULL JOIN paid USING (address) FULL JOIN settlement.payers p USING (address) ORDER BY address`,
      [chainId.toString(), escrow],
    );
    const [first] = rows;
    const block = first ? Number(first.block ?? -1) : await this.lastBlock(manager, { chainId, escrow });
    return {
      block,
      payers: rows.map((row) => ({
        address: row.address,
        tenant: row.tenant,
        depositedUnits: BigInt(row.deposited),
        withdrawnUnits: BigInt(row.withdrawn),
        settledUnits: BigInt(row.settled),
        paidOutUnits: BigInt(row.paid_out),
        statementUnits: BigInt(row.statements),
        unbookedUnits: BigInt(row.unbooked),
        takenBack: row.taken_back,
      })),
    };
  }

  async last(manager: EntityManager, { chainId, escrow }: Cursor): Promise<KeptReconciliation | null> {
    const rows = await manager.query<{ number: string; agreed_block: string; result: unknown }[]>('SELECT number, agreed_block, result FROM settlement.reconciliations WHERE chain_id = $1 AND escrow = $2 ORDER BY number DESC LIMIT 1', [
      chainId.toString(),
      escrow,
    ]);
    return rows[0] ? { number: rows[0].number, agreedBlock: Number(rows[0].agreed_block), result: z.decode(reconciliation, rows[0].result as never) } : null;
  }

  async add(manager: EntityManager, { chainId, escrow }: Cursor, result: Reconciliation, agreedBlock: number): Promise<void> {
    await manager.query('INSERT INTO settlement.reconciliations (chain_id, escrow, block, compared_at_ms, agreed_block, result) VALUES ($1, $2, $3, $4, $5, $6)', [
      chainId.toString(),
      escrow,
      result.block,
      result.comparedAtMs,
      agreedBlock,
      JSON.stringify(z.encode(reconciliation, result)),
    ]);
  }

  /** The same differences as before, found again. */
  async again(manager: EntityManager, number: string, result: Reconciliation, agreedBlock: number): Promise<void> {
    await manager.query('UPDATE settlement.reconciliations SET block = $2, compared_at_ms = $3, agreed_block = $4, result = $5 WHERE number = $1', [number, result.block, result.comparedAtMs, agreedBlock, JSON.stringify(z.encode(reconciliation, result))]);
  }

  private async lastBlock(manager: EntityManager, { chainId, escrow }: Cursor): Promise<number> {
    const rows = await manager.query<{ block: string }[]>('SELECT next_block - 1 AS block FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow]);
    return Number(rows[0]?.block ?? -1);
  }
}
