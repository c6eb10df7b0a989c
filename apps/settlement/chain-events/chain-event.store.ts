import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EventPosition, PlacedEvent } from '#chain';

export interface Cursor {
  readonly chainId: bigint;
  readonly escrow: string;
}

/** How far the chain was read. */
export interface ReadTo {
  readonly nextBlock: number;
  /** Of the block before that; null while none was read since blocks are remembered. */
  readonly lastHash: string | null;
}

/** An event that was in a final block and is in none now, though the books know of it. */
export interface TakenBack {
  readonly name: string;
  readonly payer: string;
  readonly units: bigint;
  readonly tx: string;
}

/** A movement of a payer's deposit: units and where on chain it stands; `to` is who got what was taken back. */
export interface DepositMove {
  readonly tenant: string;
  readonly payer: string;
  readonly units: bigint;
  readonly to: string | null;
  readonly at: EventPosition;
  /** How often the books were told before that it is gone: 0 of all but what the chain took back and gave again. */
  readonly reversals: number;
}

/** An event by its own row. */
export type EventKey = Pick<EventPosition, 'blockHash' | 'tx' | 'logIndex'>;

/** A deposit that the books know and that is in no block any more, and the last block that was read. */
export interface GoneDeposit extends EventKey {
  readonly payer: string;
  readonly units: bigint;
  readonly readTo: number;
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
  reversals: number;
}

const moveOf = (row: DepositRow): DepositMove => ({
  tenant: row.tenant,
  payer: row.payer,
  units: BigInt(row.units),
  to: row.to,
  at: { tx: row.tx, blockHash: row.block_hash, blockNumber: Number(row.block_number), logIndex: row.log_index },
  reversals: row.reversals,
});

type TakenBackRow = Omit<TakenBack, 'units'> & { units: string };
const takenBack = ({ name, payer, units, tx }: TakenBackRow): TakenBack => ({ name, payer, units: BigInt(units), tx });

/** A row's place, in SQL. */
const positionOf = (row: string): string => `jsonb_build_object('tx', ${row}.tx, 'blockHash', ${row}.block_hash, 'blockNumber', ${row}.block_number, 'logIndex', ${row}.log_index)`;

/** Of `chain_events e` and `cursors c`. */
const goneSince = (blocks: string): string => `e.name = 'Deposited' AND e.taken_back_at IS NOT NULL AND e.reversed_at IS NULL AND e.tenant IS NOT NULL AND coalesce(e.gone_at_block, e.block_number) + ${blocks} < c.next_block`;

const textOf = (fields: object): string => JSON.stringify(fields, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));

/** Final events of the escrow and how far it was read. Runs in the caller's transaction. */
@Injectable()
export class ChainEventStore {
  /** Puts an event down; false if it was there. `held`: why the books are not told. */
  async insert(manager: EntityManager, event: PlacedEvent, tenant: string | null, held: string | null = null): Promise<boolean> {
    const { name, payer, units, at, ...fields } = event;
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.chain_events (block_hash, tx, log_index, block_number, name, payer, units, fields, tenant, held)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING 1`,
      [at.blockHash, at.tx, at.logIndex, at.blockNumber, name, payer, units.toString(), textOf(fields), tenant, held],
    );
    return rows.length === 1;
  }

  /**
   * Whether it is one that was taken back and is in a block again, which takes its place: the books know it already. An epoch is the same whichever transaction carries it. A deposit that was taken
   * off the books is `anew`: nobody's, until {@link claimDeposits} tells of it again.
   */
  async returned(manager: EntityManager, event: PlacedEvent): Promise<'known' | 'anew' | null> {
    const { name, payer, units, at, ...fields } = event;
    const rows = await manager.query<{ was_reversed: boolean }[]>(
      `WITH gone AS (
         SELECT block_hash, tx, log_index, block_number, reversed_at IS NOT NULL AS was_reversed FROM settlement.chain_events
         WHERE taken_back_at IS NOT NULL AND payer = $5 AND name = $6 AND units = $7 AND (tx = $1 OR name = 'EpochSettled') AND fields - '{available,drawn}'::text[] = $8::jsonb - '{available,drawn}'::text[]
         ORDER BY block_number, log_index LIMIT 1
       ), back AS (
         UPDATE settlement.chain_events e SET tx = $1, block_hash = $2, block_number = $3, log_index = $4, taken_back_at = NULL, gone_at_block = NULL, reversed_at = NULL,
           tenant = CASE WHEN was_reversed THEN NULL ELSE e.tenant END,
           told_at = CASE WHEN was_reversed OR e.tenant IS NULL THEN NULL ELSE coalesce(e.told_at, ${positionOf('gone')}) END
         FROM gone WHERE (e.block_hash, e.tx, e.log_index) = (gone.block_hash, gone.tx, gone.log_index)
         RETURNING was_reversed)
       SELECT was_reversed FROM back`,
      [at.tx, at.blockHash, at.blockNumber, at.logIndex, payer, name, units.toString(), textOf(fields)],
    );
    return rows[0] === undefined ? null : rows[0].was_reversed ? 'anew' : 'known';
  }

  /** Why the books are not told of an event that is there. */
  async hold(manager: EntityManager, { blockHash, tx, logIndex }: EventKey, held: string): Promise<void> {
    await manager.query('UPDATE settlement.chain_events SET held = $4 WHERE (block_hash, tx, log_index) = ($1, $2, $3)', [blockHash, tx, logIndex, held]);
  }

  /** Blocks with events, the newest first. */
  async blocksBelow(manager: EntityManager, below: number, limit: number): Promise<{ number: number; hash: string }[]> {
    const rows = await manager.query<{ number: string; hash: string }[]>(
      'SELECT DISTINCT block_number AS number, block_hash AS hash FROM settlement.chain_events WHERE block_number < $1 AND taken_back_at IS NULL ORDER BY 1 DESC LIMIT $2',
      [below, limit],
    );
    return rows.map(({ number, hash }) => ({ number: Number(number), hash }));
  }

  /** Marks the events of blocks that are gone, as of a final block. */
  async takeBack(manager: EntityManager, blockHashes: readonly string[], finalBlock: number): Promise<TakenBack[]> {
    const rows = await manager.query<TakenBackRow[]>(
      'WITH gone AS (UPDATE settlement.chain_events SET taken_back_at = now(), gone_at_block = $2 WHERE block_hash = ANY($1::text[]) AND taken_back_at IS NULL RETURNING name, payer, units, tx) SELECT * FROM gone ORDER BY payer, tx',
      [blockHashes, finalBlock],
    );
    return rows.map(takenBack);
  }

  /** Deposits that the books know, that are in no block any more, and that were in none of so many final ones since that was noticed; and how far the chain was read. By their names on chain, those after one. */
  async goneDeposits(manager: EntityManager, { chainId, escrow }: Cursor, sinceBlocks: number, page: { readonly after: EventKey | null; readonly limit: number }): Promise<GoneDeposit[]> {
    const rows = await manager.query<{ block_hash: string; tx: string; log_index: number; payer: string; units: string; read_to: string }[]>(
      `SELECT e.block_hash, e.tx, e.log_index, e.payer, e.units, c.next_block - 1 AS read_to FROM settlement.chain_events e, settlement.cursors c
       WHERE c.chain_id = $1 AND c.escrow = $2 AND ${goneSince('$3::bigint')} AND ($4::text IS NULL OR (e.tx, e.log_index, e.block_hash) > ($4, $5, $6)) ORDER BY e.tx, e.log_index, e.block_hash LIMIT $7`,
      [chainId.toString(), escrow, sinceBlocks, page.after?.tx ?? null, page.after?.logIndex ?? null, page.after?.blockHash ?? null, page.limit],
    );
    return rows.map((row) => ({ blockHash: row.block_hash, tx: row.tx, logIndex: row.log_index, payer: row.payer, units: BigInt(row.units), readTo: Number(row.read_to) }));
  }

  /** Marks one as taken off the books, at the place that they know; `undefined` if it is none of {@link goneDeposits} any more. `reversals`: before this one. */
  async reverse(manager: EntityManager, { chainId, escrow }: Cursor, { blockHash, tx, logIndex }: EventKey, sinceBlocks: number): Promise<DepositMove | undefined> {
    const rows = await manager.query<(Omit<DepositRow, 'to'> & { told_at: EventPosition })[]>(
      `WITH reversed AS (
         UPDATE settlement.chain_events e SET reversed_at = now(), reversals = e.reversals + 1 FROM settlement.cursors c
         WHERE c.chain_id = $1 AND c.escrow = $2 AND ${goneSince('$3::bigint')} AND (e.block_hash, e.tx, e.log_index) = ($4, $5, $6)
         RETURNING e.tenant, e.payer, e.units, coalesce(e.told_at, ${positionOf('e')}) AS told_at, e.tx, e.block_hash, e.block_number, e.log_index, e.reversals - 1 AS reversals)
       SELECT * FROM reversed`,
      [chainId.toString(), escrow, sinceBlocks, blockHash, tx, logIndex],
    );
    return rows[0] && { ...moveOf({ ...rows[0], to: null }), at: rows[0].told_at };
  }

  /** What of a payer was taken back and has not returned, of what the books know. */
  async takenBack(manager: EntityManager, payer: string): Promise<TakenBack[]> {
    const rows = await manager.query<TakenBackRow[]>('SELECT name, payer, units, tx FROM settlement.chain_events WHERE payer = $1 AND taken_back_at IS NOT NULL AND reversed_at IS NULL AND tenant IS NOT NULL ORDER BY tx, log_index', [payer]);
    return rows.map(takenBack);
  }

  /** Gives movements of deposits that were nobody's to the tenants that their payers pay for by now; in chain order. Each once. */
  async claimDeposits(manager: EntityManager): Promise<DepositMove[]> {
    const rows = await manager.query<DepositRow[]>(
      `WITH claimed AS (
         UPDATE settlement.chain_events e SET tenant = p.tenant FROM settlement.payers p
         WHERE e.payer = p.address AND e.tenant IS NULL AND e.held IS NULL AND e.taken_back_at IS NULL AND e.name IN ('Deposited', 'DepositWithdrawn')
         RETURNING e.tenant, e.payer, e.units, CASE e.name WHEN 'DepositWithdrawn' THEN e.fields ->> 'to' END AS "to", e.tx, e.block_hash, e.block_number, e.log_index, e.reversals)
       SELECT * FROM claimed ORDER BY block_number, log_index`,
    );
    return rows.map(moveOf);
  }

  /** Payers with movements of deposits that are held. */
  async heldPayers(manager: EntityManager): Promise<string[]> {
    return (await manager.query<{ payer: string }[]>('SELECT DISTINCT payer FROM settlement.chain_events WHERE held IS NOT NULL ORDER BY 1')).map(({ payer }) => payer);
  }

  /** What of a payer's deposit the books were not told of, in units: deposits less what it took back. */
  async heldUnits(manager: EntityManager, payer: string): Promise<bigint> {
    const [row] = await manager.query<{ units: string }[]>(`SELECT COALESCE(sum(CASE name WHEN 'Deposited' THEN units ELSE -units END), 0) AS units FROM settlement.chain_events WHERE payer = $1 AND held IS NOT NULL AND taken_back_at IS NULL`, [payer]);
    return BigInt(row!.units);
  }

  async isHeld(manager: EntityManager, payer: string): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM settlement.chain_events WHERE payer = $1 AND held IS NOT NULL LIMIT 1', [payer])).length > 0;
  }

  /** Lets a payer's movements count: {@link claimDeposits} tells the books of them, in their order. */
  async releaseHeld(manager: EntityManager, payer: string): Promise<void> {
    await manager.query('UPDATE settlement.chain_events SET held = NULL WHERE payer = $1 AND held IS NOT NULL', [payer]);
  }

  /** Whether anything on chain was booked for a tenant. */
  async exists(manager: EntityManager, tenant: string): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM settlement.chain_events WHERE tenant = $1 LIMIT 1', [tenant])).length > 0;
  }

  /** The next block to read, locked until the transaction ends. */
  async lockCursor(manager: EntityManager, { chainId, escrow }: Cursor, startBlock: number): Promise<ReadTo> {
    await manager.query('INSERT INTO settlement.cursors (chain_id, escrow, next_block) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [chainId.toString(), escrow, startBlock]);
    const rows = await manager.query<{ next_block: string; last_hash: string | null }[]>('SELECT next_block, last_hash FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2 FOR UPDATE', [chainId.toString(), escrow]);
    return { nextBlock: Number(rows[0]!.next_block), lastHash: rows[0]!.last_hash };
  }

  /** The last block that was read; -1 before the first. */
  async lastBlock(manager: EntityManager, { chainId, escrow }: Cursor): Promise<number> {
    const rows = await manager.query<{ next_block: string }[]>('SELECT next_block FROM settlement.cursors WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow]);
    return Number(rows[0]?.next_block ?? 0) - 1;
  }

  /** From this block on everything is read again; an event that is known is not taken twice. */
  async turnBack(manager: EntityManager, { chainId, escrow }: Cursor, block: number): Promise<void> {
    await manager.query('UPDATE settlement.cursors SET last_hash = CASE WHEN next_block <= $3 THEN last_hash END, next_block = least(next_block, $3) WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow, block]);
  }

  async moveCursor(manager: EntityManager, { chainId, escrow }: Cursor, nextBlock: number, lastHash: string | null): Promise<void> {
    await manager.query('UPDATE settlement.cursors SET next_block = $3, last_hash = $4 WHERE chain_id = $1 AND escrow = $2', [chainId.toString(), escrow, nextBlock, lastHash]);
  }
}
