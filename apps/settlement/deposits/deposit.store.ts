import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ShownDeposit } from '#protocol';

/** Where a listing goes on: below this event. */
export interface Place {
  readonly blockNumber: number;
  readonly logIndex: number;
}

/** Movements of deposits in final blocks. Runs in the caller's transaction, which sees all: what does not count yet is nobody's in its own row, and its payer's all the same. */
@Injectable()
export class DepositStore {
  /** Newest first, below a place. */
  async page(manager: EntityManager, tenant: string | null, below: Place | undefined, limit: number): Promise<ShownDeposit[]> {
    const rows = await manager.query<{ tenant: string | null; payer: string; name: string; units: string; held: string | null; tx: string; block_hash: string; block_number: string; log_index: number }[]>(
      `SELECT coalesce(e.tenant, p.tenant) AS tenant, e.payer, e.name, e.units, e.held, e.tx, e.block_hash, e.block_number, e.log_index
       FROM settlement.chain_events e LEFT JOIN settlement.payers p ON p.address = e.payer
       WHERE e.name IN ('Deposited', 'DepositWithdrawn') AND e.taken_back_at IS NULL AND ($1::uuid IS NULL OR coalesce(e.tenant, p.tenant) = $1) AND ($2::bigint IS NULL OR (e.block_number, e.log_index) < ($2, $3::integer))
       ORDER BY block_number DESC, log_index DESC LIMIT $4`,
      [tenant, below?.blockNumber ?? null, below?.logIndex ?? null, limit],
    );
    return rows.map((row) => ({
      tenant: row.tenant,
      payer: row.payer,
      kind: row.name === 'Deposited' ? 'deposit' : 'withdrawal',
      units: BigInt(row.units),
      isFinal: true,
      held: row.held,
      at: { tx: row.tx, blockHash: row.block_hash, blockNumber: Number(row.block_number), logIndex: row.log_index },
    }));
  }
}
