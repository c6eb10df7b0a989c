import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { WalletInBooks } from '#protocol';

/** A posting on a wallet's account, and the block in which it happened. */
export interface WalletMoveRow {
  readonly transfer: string;
  readonly tenant: string;
  readonly wallet: string;
  readonly currency: string;
  readonly units: bigint;
  readonly isSale: boolean;
  readonly blockNumber: number;
}

/** What moved the wallets where sales are paid. Runs in the caller's transaction, which posts the same. */
@Injectable()
export class WalletMovesStore {
  async add(manager: EntityManager, { transfer, tenant, wallet, currency, units, isSale, blockNumber }: WalletMoveRow): Promise<void> {
    await manager.query('INSERT INTO billing.wallet_moves (transfer, tenant, wallet, currency, units, is_sale, block_number) VALUES ($1, $2, $3, $4, $5, $6, $7)', [transfer, tenant, wallet.toLowerCase(), currency, units.toString(), isSale, blockNumber]);
  }

  /** Each wallet up to its block, and its accounts as they are: of one instant. */
  async sums(manager: EntityManager, currency: string, wallets: readonly { address: string; block: number }[]): Promise<WalletInBooks[]> {
    if (wallets.length === 0) return [];
    const rows = await manager.query<{ address: string; sales: string; others: string; held: string; moved: string }[]>(
      `SELECT w.address, coalesce(sum(m.units) FILTER (WHERE m.is_sale AND m.block_number <= w.block), 0) AS sales, coalesce(sum(m.units) FILTER (WHERE NOT m.is_sale AND m.block_number <= w.block), 0) AS others,
         coalesce(sum(m.units), 0) AS moved,
         (SELECT coalesce(sum(a.balance), 0) FROM billing.accounts a WHERE a.kind = 'wallet' AND a.currency = $1 AND split_part(a.code, ':', 3) = lower(w.address)) AS held
       FROM unnest($2::text[], $3::bigint[]) AS w (address, block) LEFT JOIN billing.wallet_moves m ON m.wallet = lower(w.address) AND m.currency = $1 GROUP BY w.address, w.block`,
      [currency, wallets.map(({ address }) => address), wallets.map(({ block }) => block)],
    );
    return rows.map(({ address, sales, others, held, moved }) => ({ address, saleUnits: BigInt(sales), otherUnits: BigInt(others), heldUnits: BigInt(held), movedUnits: BigInt(moved) }));
  }
}
