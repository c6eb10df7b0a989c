import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EventPosition, PlacedEvent } from '#chain';

export interface Cursor {
  readonly chainId: bigint;
  readonly escrow: string;
}

/** A movement of a payer's deposit: units and where on chain it stands; `to` is who got what was taken back. */
export interface DepositMove {
  readonly tenant: string;
  readonly payer: string;
  readonly units: bigint;
  readonly to: string | null;
  readonly at: EventPosition;
}

interface DepositRow {
  tenant: string;
  payer: string;
  to: string | null;
  units: string;
  tx: string;
  block_hash: string;
  block_number: string;
  log_index: number;
}

/** Final events of the escrow and how far it was read. Runs in the caller's transaction. */
@Injectable()
export class ChainEventStore {
  /** Puts an event down; false if it was there. */
  async insert(manager: EntityManager, event: PlacedEvent, tenant: string | null): Promise<boolean> {
    const { name, payer, units, at, ...fields } = event;
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.chain_events (block_hash, tx, log_index, block_number, name, payer, units, fields, tenant)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING 1`,
      [at.blockHash, at.tx, at.logIndex, at.blockNumber, name, payer, units.toString(), JSON.stringify(fields, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)), tenant],
    );
    return rows.length === 1;
  }

  /** Gives movements of deposits that were nobody's to the tenants that their payers pay for by now; in chain order. Each once. */
  async claimDeposits(manager: EntityManager): Promise<DepositMove[]> {
    const rows = await manager.query<DepositRow[]>(
      `WITH claimed AS (
         UPDATE settlement.chain_events e SET tenant = p.tenant FROM settlement.payers p
         WHERE e.payer = p.address AND e.tenant IS NULL AND e.name IN ('Deposited', 'DepositWithdrawn')
         RETURNING e.tenant, e.payer, e.units, CASE e.name WHEN 'DepositWithdrawn' THEN e.fields ->> 'to' END AS "to", e.tx, e.block_hash, e.block_number, e.log_index)
       SELECT * FROM claimed ORDER BY block_number, log_index`,
    );
    return rows.map((row) => ({
      tenant: row.tenant,
      payer: row.payer,
      units: BigInt(row.units),
      to: row.to,
      at: { tx: row.tx, blockHash: row.block_hash, blockNumber: Number(row.block_number), logIndex: row.log_index },
    }));
  }

  /** Whether anything on chain was booked for a tenant. */
  async exists(manager: EntityManager, tenant: string): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM settlement.chain_events WHERE tenant = $1 LIMIT 1', [tenant])).length > 0;
  }

  /** The next block to read, locked until the transaction ends. */
  async lockCursor(manager: EntityManager, { chainId, escrow }: Cursor, startBlock: number): Promise<number> {
    await manager.query('INSERT INTO settlement.cursors (chain_id, escrow, next_block) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [chainId.toString(), escrow, startBlock]);
    const rows = await manager.query<{ next_block: string }[]>('SELECT next_block FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2 FOR UPDATE', [chainId.toString(), escrow]);
    return Number(rows[0]!.next_block);
  }

  /** The last block that was read; -1 before the first. */
  async lastBlock(manager: EntityManager, { chainId, escrow }: Cursor): Promise<number> {
    const rows = await manager.query<{ next_block: string }[]>('SELECT next_block FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow]);
    return Number(rows[0]?.next_block ?? 0) - 1;
  }

  async moveCursor(manager: EntityManager, { chainId, escrow }: Cursor, nextBlock: number): Promise<void> {
    await manager.query('UPDATE settlement.cursors SET next_block = $3 WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow, nextBlock]);
  }
}
