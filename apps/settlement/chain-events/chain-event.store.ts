import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EventPosition, PlacedEvent } from '#chain';

export interface Cursor {
  readonly chainId: bigint;
  readonly escrow: string;
}

/** A deposit of the books: units and where on chain it stands. */
export interface Deposit {
  readonly payer: string;
  readonly units: bigint;
  readonly at: EventPosition;
}

interface DepositRow {
  payer: string;
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

  /** Gives a payer's deposits that were nobody's to a tenant; returns them in chain order. */
  async claimDeposits(manager: EntityManager, payer: string, tenant: string): Promise<Deposit[]> {
    const rows = await manager.query<DepositRow[]>(
      `WITH claimed AS (
         UPDATE settlement.chain_events SET tenant = $2 WHERE payer = $1 AND name = 'Deposited' AND tenant IS NULL
         RETURNING payer, units, tx, block_hash, block_number, log_index)
       SELECT * FROM claimed ORDER BY block_number, log_index`,
      [payer, tenant],
    );
    return rows.map((row) => ({
      payer: row.payer,
      units: BigInt(row.units),
      at: { tx: row.tx, blockHash: row.block_hash, blockNumber: Number(row.block_number), logIndex: row.log_index },
    }));
  }

  /** The next block to read, locked until the transaction ends. */
  async lockCursor(manager: EntityManager, { chainId, escrow }: Cursor, startBlock: number): Promise<number> {
    await manager.query('INSERT INTO settlement.cursors (chain_id, escrow, next_block) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [chainId.toString(), escrow, startBlock]);
    const rows = await manager.query<{ next_block: string }[]>('SELECT next_block FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2 FOR UPDATE', [chainId.toString(), escrow]);
    return Number(rows[0]!.next_block);
  }

  async moveCursor(manager: EntityManager, { chainId, escrow }: Cursor, nextBlock: number): Promise<void> {
    await manager.query('UPDATE settlement.cursors SET next_block = $3 WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow, nextBlock]);
  }
}
