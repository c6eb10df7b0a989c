import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Movement, Wallet } from './wallet.js';

type Row = { id: number; address: string; token: string; next_block: string; last_hash: string | null; opening: string | null; carry: string; agreed_block: string };

const fromRow = (row: Row): Wallet => ({
  id: row.id,
  address: row.address,
  token: row.token,
  nextBlock: Number(row.next_block),
  lastHash: row.last_hash,
  opening: row.opening === null ? null : BigInt(row.opening),
  carry: BigInt(row.carry),
  agreedBlock: Number(row.agreed_block),
});

/** What was taken off the books and is in the very same block again is new. */
const anew = `ON CONFLICT (wallet, block_hash, tx, log_index) DO UPDATE SET state = 'open', payment = NULL, tenant = NULL, units = NULL, told_block = NULL, gone_at_block = NULL, reversed_at = NULL
  WHERE wallet_transfers.reversed_at IS NOT NULL`;

/** Wallets, how far each was read, and which blocks stand. Runs in the caller's transaction. */
@Injectable()
export class WalletStore {
  /** Nothing was there before the chain's first block. */
  async open(manager: EntityManager, { chainId, token, address, startBlock }: { chainId: bigint; token: string; address: string; startBlock: number }): Promise<void> {
    await manager.query('INSERT INTO settlement.wallets (chain_id, token, address, next_block, opening) VALUES ($1, $2, $3, $4::bigint, CASE WHEN $4::bigint = 0 THEN 0 END) ON CONFLICT DO NOTHING', [chainId.toString(), token, address, startBlock]);
  }

  async all(manager: EntityManager, chainId: bigint, token: string): Promise<Wallet[]> {
    return (await manager.query<Row[]>('SELECT * FROM settlement.wallets WHERE chain_id = $1 AND token = $2 ORDER BY id', [chainId.toString(), token])).map(fromRow);
  }

  /** Until the transaction ends nobody else reads it. */
  async lock(manager: EntityManager, id: number): Promise<Wallet> {
    return fromRow((await manager.query<Row[]>('SELECT * FROM settlement.wallets WHERE id = $1 FOR UPDATE', [id]))[0]!);
  }

  async moveCursor(manager: EntityManager, id: number, nextBlock: number, lastHash: string | null): Promise<void> {
    await manager.query('UPDATE settlement.wallets SET next_block = $2, last_hash = $3 WHERE id = $1', [id, nextBlock, lastHash]);
  }

  /** From this block on it is read again; what is known is not taken twice. */
  async turnBack(manager: EntityManager, id: number, block: number): Promise<void> {
    await manager.query('UPDATE settlement.wallets SET next_block = $2, last_hash = NULL WHERE id = $1 AND next_block > $2', [id, block]);
  }

  async setCarry(manager: EntityManager, id: number, carry: bigint): Promise<void> {
    await manager.query('UPDATE settlement.wallets SET carry = $2 WHERE id = $1', [id, carry.toString()]);
  }

  async setOpening(manager: EntityManager, id: number, opening: bigint): Promise<void> {
    await manager.query('UPDATE settlement.wallets SET opening = $2 WHERE id = $1 AND opening IS NULL', [id, opening.toString()]);
  }

  async agreed(manager: EntityManager, id: number, block: number): Promise<void> {
    await manager.query('UPDATE settlement.wallets SET agreed_block = greatest(agreed_block, $2) WHERE id = $1', [id, block]);
  }

  /** Puts down what a final block moved. What was in a block that is gone takes its new place, and is what it was; what is there already stays. */
  async put(manager: EntityManager, wallet: number, { blockHash, tx, logIndex, blockNumber, counterparty, amount }: Movement): Promise<void> {
    const place = [wallet, blockHash, tx, logIndex, blockNumber, counterparty, amount.toString()];
    const back = await manager.query<unknown[]>(
      `WITH gone AS (
         SELECT block_hash, log_index FROM settlement.wallet_transfers WHERE wallet = $1 AND tx = $3 AND counterparty = $6 AND amount = $7 AND gone_at_block IS NOT NULL AND reversed_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM settlement.wallet_transfers WHERE (wallet, block_hash, tx, log_index) = ($1, $2, $3, $4) AND gone_at_block IS NULL)
         ORDER BY log_index LIMIT 1
       ), back AS (
         UPDATE settlement.wallet_transfers t SET block_hash = $2, log_index = $4, block_number = $5, gone_at_block = NULL FROM gone
         WHERE t.wallet = $1 AND t.tx = $3 AND t.block_hash = gone.block_hash AND t.log_index = gone.log_index RETURNING 1)
       SELECT 1 FROM back`,
      place,
    );
    if (back.length === 0) await manager.query(`INSERT INTO settlement.wallet_transfers (wallet, block_hash, tx, log_index, block_number, counterparty, amount) VALUES ($1, $2, $3, $4, $5, $6, $7) ${anew}`, place);
  }

  /** Blocks that moved something, the newest first. */
  async blocksBelow(manager: EntityManager, wallet: number, below: number, limit: number): Promise<{ number: number; hash: string }[]> {
    const rows = await manager.query<{ number: string; hash: string }[]>('SELECT DISTINCT block_number AS number, block_hash AS hash FROM settlement.wallet_transfers WHERE wallet = $1 AND block_number < $2 AND gone_at_block IS NULL ORDER BY 1 DESC LIMIT $3', [wallet, below, limit]);
    return rows.map(({ number, hash }) => ({ number: Number(number), hash }));
  }

  /** Marks what was in blocks that are gone. */
  async takeBack(manager: EntityManager, wallet: number, blockHashes: readonly string[], atBlock: number): Promise<void> {
    await manager.query('UPDATE settlement.wallet_transfers SET gone_at_block = $3 WHERE wallet = $1 AND block_hash = ANY($2::text[]) AND gone_at_block IS NULL', [wallet, blockHashes, atBlock]);
  }
}
