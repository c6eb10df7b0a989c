import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Wallet, WalletTransfer } from './wallet.js';

interface Row {
  wallet: number;
  block_hash: string;
  tx: string;
  log_index: number;
  block_number: string;
  counterparty: string;
  amount: string;
  state: WalletTransfer['state'];
  payment: string | null;
  tenant: string | null;
  units: string | null;
  told_block: string | null;
}

const fromRow = (row: Row): WalletTransfer => ({
  wallet: row.wallet,
  blockHash: row.block_hash,
  tx: row.tx,
  logIndex: row.log_index,
  blockNumber: Number(row.block_number),
  counterparty: row.counterparty,
  amount: BigInt(row.amount),
  state: row.state,
  payment: row.payment,
  tenant: row.tenant,
  units: row.units === null ? null : BigInt(row.units),
  toldBlock: row.told_block === null ? null : Number(row.told_block),
});

/** Sales to a wallet whose transfer was not read yet: of `settlement.x402_payments p`, for a wallet's address ($2) and token ($3). */
const unreceived = `p.state = 'settled' AND p.record IS NOT NULL AND NOT p.received AND p.amount > 0 AND p.pay_to = $2 AND p.asset = $3`;
const key = '(wallet, block_hash, tx, log_index)';
const keyOf = ({ wallet, blockHash, tx, logIndex }: WalletTransfer): unknown[] => [wallet, blockHash, tx, logIndex];

/** Sums of a wallet up to a block; base units, but where units are said. */
export interface WalletSums {
  readonly net: bigint;
  readonly sales: bigint;
  readonly others: bigint;
  readonly sent: bigint;
  readonly open: bigint;
  /** As told to the books, of blocks up to that one as they were told. */
  readonly saleUnits: bigint;
  readonly otherUnits: bigint;
  /** Over all that is told: amounts less whole units, which must be what is carried. */
  readonly carry: bigint;
  /** In no block any more, though the books know them. */
  readonly gone: readonly string[];
}

/** What came to wallets and left them: what of it is told, and as what. Runs in the caller's transaction, which holds the wallet's lock. */
@Injectable()
export class WalletTransferStore {
  /** Gives sales the transfers that paid them: those of one transaction, payer and amount are alike, so each gets one. Resolves to what of their amounts is no whole unit. */
  async match(manager: EntityManager, { id, address, token }: Wallet, unit: bigint): Promise<bigint> {
    const rows = await manager.query<{ left: string }[]>(
      `WITH sales AS (
         SELECT p.id, p.tx, p.payer, p.amount, p.tenant, coalesce(p.paid_block, 0) AS paid_block, row_number() OVER (PARTITION BY p.tx, p.payer, p.amount ORDER BY p.paid_log NULLS LAST, p.id) AS n
         FROM settlement.x402_payments p WHERE ${unreceived}
       ), moved AS (
         SELECT block_hash, tx, log_index, counterparty, amount, row_number() OVER (PARTITION BY tx, counterparty, amount ORDER BY log_index) AS n
         FROM settlement.wallet_transfers WHERE wallet = $1 AND state = 'open' AND gone_at_block IS NULL
       ), pairs AS (
         SELECT s.*, m.block_hash, m.log_index FROM sales s JOIN moved m ON m.tx = s.tx AND m.counterparty = s.payer AND m.amount = s.amount AND m.n = s.n
       ), matched AS (
         UPDATE settlement.wallet_transfers t SET state = 'sale', payment = pairs.id, tenant = pairs.tenant, units = div(pairs.amount, $4::numeric), told_block = pairs.paid_block
         FROM pairs WHERE (t.wallet, t.block_hash, t.tx, t.log_index) = ($1, pairs.block_hash, pairs.tx, pairs.log_index) RETURNING mod(pairs.amount, $4::numeric) AS rest
       ), received AS (
         UPDATE settlement.x402_payments p SET received = true FROM pairs WHERE p.id = pairs.id)
       SELECT coalesce(sum(rest), 0) AS left FROM matched`,
      [id, address, token, unit.toString()],
    );
    return BigInt(rows[0]!.left);
  }

  /** Told as no sale, and one by now: it was found late. */
  async mistold(manager: EntityManager, { id, address, token }: Wallet): Promise<WalletTransfer[]> {
    const rows = await manager.query<Row[]>(
      `SELECT DISTINCT ON (t.tx, t.counterparty, t.amount) t.* FROM settlement.x402_payments p JOIN settlement.wallet_transfers t ON t.wallet = $1 AND t.tx = p.tx AND t.counterparty = p.payer AND t.amount = p.amount
       WHERE ${unreceived} AND t.state = 'other' AND t.gone_at_block IS NULL ORDER BY t.tx, t.counterparty, t.amount, t.log_index`,
      [id, address, token],
    );
    return rows.map(fromRow);
  }

  /** What is no sale, in its order: what left, and what came while no payment is open that it may be. */
  async others(manager: EntityManager, { id, address, token }: Wallet, limit: number): Promise<WalletTransfer[]> {
    const rows = await manager.query<Row[]>(
      `SELECT t.* FROM settlement.wallet_transfers t WHERE t.wallet = $1 AND t.state = 'open' AND t.gone_at_block IS NULL AND NOT EXISTS (
         SELECT 1 FROM settlement.x402_payments p WHERE p.payer = t.counterparty AND p.pay_to = $2 AND p.asset = $3
           AND ((p.state = 'claimed' AND p.claimed_until > now() AND p.amount_max >= t.amount) OR (p.state = 'collecting' AND p.amount = t.amount) OR (p.state = 'settled' AND p.tx = t.tx AND NOT p.received AND p.record IS NOT NULL))
       ) ORDER BY t.block_number, t.log_index LIMIT $4`,
      [id, address, token, limit],
    );
    return rows.map(fromRow);
  }

  /** Whose sales are paid there: of the newest; null before the first. */
  async seller(manager: EntityManager, { address, token }: Wallet): Promise<string | null> {
    const rows = await manager.query<{ tenant: string }[]>(
      `SELECT tenant FROM settlement.x402_payments WHERE pay_to = $1 AND asset = $2 AND state = 'settled' AND record IS NOT NULL AND amount > 0 ORDER BY created_at DESC, id DESC LIMIT 1`,
      [address, token],
    );
    return rows[0]?.tenant ?? null;
  }

  /** A payment that another server brought, which a transfer paid. */
  async broughtBy(manager: EntityManager, { address, token }: Wallet, { tx, counterparty, amount, logIndex }: WalletTransfer): Promise<string | null> {
    const rows = await manager.query<{ id: string }[]>(
      `SELECT id FROM settlement.x402_payments WHERE paid_tx = $1 AND state = 'settled' AND record IS NULL AND payer = $2 AND pay_to = $3 AND asset = $4 AND amount = $5 ORDER BY (paid_log = $6) DESC LIMIT 1`,
      [tx, counterparty, address, token, amount.toString(), logIndex],
    );
    return rows[0]?.id ?? null;
  }

  async tell(manager: EntityManager, transfer: WalletTransfer, told: { tenant: string; units: bigint; payment: string | null }): Promise<void> {
    await manager.query(`UPDATE settlement.wallet_transfers SET state = 'other', tenant = $5, units = $6, payment = $7, told_block = block_number WHERE ${key} = ($1, $2, $3, $4)`, [...keyOf(transfer), told.tenant, told.units.toString(), told.payment]);
  }

  /** As if it had not been told. */
  async untell(manager: EntityManager, transfer: WalletTransfer): Promise<void> {
    await manager.query(`UPDATE settlement.wallet_transfers SET state = 'open', tenant = NULL, units = NULL, payment = NULL, told_block = NULL WHERE ${key} = ($1, $2, $3, $4)`, keyOf(transfer));
  }

  /** In no block any more, and in none of so many final ones since. */
  async lost(manager: EntityManager, wallet: number, sinceBlocks: number): Promise<WalletTransfer[]> {
    const rows = await manager.query<Row[]>(
      `SELECT t.* FROM settlement.wallet_transfers t JOIN settlement.wallets w ON w.id = t.wallet WHERE t.wallet = $1 AND t.gone_at_block + $2::bigint < w.next_block AND t.reversed_at IS NULL ORDER BY t.tx, t.log_index LIMIT 50`,
      [wallet, sinceBlocks],
    );
    return rows.map(fromRow);
  }

  /** False if it has come back meanwhile. A sale that was not paid after all is one that failed. */
  async reverse(manager: EntityManager, transfer: WalletTransfer): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`WITH done AS (UPDATE settlement.wallet_transfers SET reversed_at = now() WHERE ${key} = ($1, $2, $3, $4) AND gone_at_block IS NOT NULL AND reversed_at IS NULL RETURNING 1) SELECT 1 FROM done`, keyOf(transfer));
    if (rows.length === 1 && transfer.state === 'sale') await manager.query(`UPDATE settlement.x402_payments SET state = 'failed', error = 'transfer_taken_back', received = false WHERE id = $1 AND state = 'settled'`, [transfer.payment]);
    return rows.length === 1;
  }

  async sums(manager: EntityManager, { id }: Wallet, block: number, unit: bigint): Promise<WalletSums> {
    const stands = 'gone_at_block IS NULL AND block_number <= $2';
    const told = `state <> 'open' AND reversed_at IS NULL`;
    const rows = await manager.query<(Record<Exclude<keyof WalletSums, 'gone'>, string> & { gone: string[] | null })[]>(
      `SELECT coalesce(sum(amount) FILTER (WHERE ${stands}), 0) AS net, coalesce(sum(amount) FILTER (WHERE ${stands} AND state = 'sale'), 0) AS sales,
         coalesce(sum(amount) FILTER (WHERE ${stands} AND state = 'other' AND amount > 0), 0) AS others, coalesce(-sum(amount) FILTER (WHERE ${stands} AND state = 'other' AND amount < 0), 0) AS sent,
         coalesce(sum(amount) FILTER (WHERE ${stands} AND state = 'open'), 0) AS open,
         coalesce(sum(units) FILTER (WHERE ${told} AND state = 'sale' AND told_block <= $2), 0) AS "saleUnits", coalesce(sum(units) FILTER (WHERE ${told} AND state = 'other' AND told_block <= $2), 0) AS "otherUnits",
         coalesce(sum(amount - units * $3::numeric) FILTER (WHERE ${told}), 0) AS carry,
         array_agg(amount || ' base units ' || counterparty || ' (' || tx || ')' ORDER BY tx, log_index) FILTER (WHERE ${told} AND gone_at_block IS NOT NULL) AS gone
       FROM settlement.wallet_transfers WHERE wallet = $1`,
      [id, block, unit.toString()],
    );
    const { gone, ...sums } = rows[0]!;
    return { ...(Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, BigInt(sum)])) as unknown as Omit<WalletSums, 'gone'>), gone: gone ?? [] };
  }

  /** Sales that are told, of blocks up to one, and that no transfer stands for: their units, and the first of them. */
  async unpaid(manager: EntityManager, { address, token }: Wallet, block: number, unit: bigint): Promise<{ units: bigint; count: number; first: readonly string[] }> {
    const rows = await manager.query<{ units: string; count: string; first: string[] | null }[]>(
      `SELECT coalesce(sum(div(p.amount, $4::numeric)), 0) AS units, count(*) AS count, (array_agg(p.id ORDER BY p.id))[1:5] AS first FROM settlement.x402_payments p WHERE ${unreceived} AND coalesce(p.paid_block, 0) <= $1`,
      [block, address, token, unit.toString()],
    );
    return { units: BigInt(rows[0]!.units), count: Number(rows[0]!.count), first: rows[0]!.first ?? [] };
  }

  /** The newest that are no sales. */
  async newestOthers(manager: EntityManager, { id }: Wallet, block: number, limit: number): Promise<WalletTransfer[]> {
    const rows = await manager.query<Row[]>(`SELECT * FROM settlement.wallet_transfers WHERE wallet = $1 AND state = 'other' AND gone_at_block IS NULL AND block_number <= $2 ORDER BY block_number DESC, log_index DESC LIMIT $3`, [id, block, limit]);
    return rows.map(fromRow);
  }
}
