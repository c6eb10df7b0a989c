import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** What a tenant owes less, or more, beside the charges. The ledger has it from when it was made. */
export interface Adjustment {
  readonly id: string;
  readonly tenant: string;
  /** Negative: a credit; else a further charge. */
  readonly amountNanos: bigint;
  /** The request that it is about. */
  readonly record: string;
  readonly name: string;
  readonly detail: string;
  readonly madeAtMs: number;
}

interface Row {
  id: string;
  tenant: string;
  amount_nanos: string;
  record: string;
  name: string;
  detail: string;
  made_at_ms: string;
}

const fromRow = ({ amount_nanos: amount, made_at_ms: at, ...row }: Row): Adjustment => ({ ...row, amountNanos: BigInt(amount), madeAtMs: Number(at) });

@Injectable()
export class AdjustmentsStore {
  /** Once by its id. */
  async insert(manager: EntityManager, { id, tenant, amountNanos, record, name, detail, madeAtMs }: Adjustment): Promise<void> {
    await manager.query('INSERT INTO billing.adjustments (id, tenant, amount_nanos, record, name, detail, made_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING', [id, tenant, amountNanos, record, name, detail, madeAtMs]);
  }

  /**
   * In no invoice yet and made before `toMs`, oldest first, as far as usage of `usageNanos` covers them: an invoice is never below nothing, and what is left is in the
   * next one.
   */
  async due(manager: EntityManager, tenant: string, toMs: number, usageNanos: bigint): Promise<Adjustment[]> {
    const rows = await manager.query<Row[]>(
      `SELECT a.id, a.tenant, a.amount_nanos, a.record, a.name, a.detail, a.made_at_ms FROM billing.adjustments a WHERE a.tenant = $1 AND a.made_at_ms < $2
         AND NOT EXISTS (SELECT 1 FROM billing.invoiced_adjustments t WHERE t.adjustment = a.id) ORDER BY a.made_at_ms, a.id`,
      [tenant, toMs],
    );
    let left = usageNanos;
    return rows.map(fromRow).filter(({ amountNanos }) => {
      if (left + amountNanos < 0n) return false;
      left += amountNanos;
      return true;
    });
  }

  async take(manager: EntityManager, tenant: string, invoice: string, adjustments: readonly Adjustment[]): Promise<void> {
    if (adjustments.length === 0) return;
    await manager.query('INSERT INTO billing.invoiced_adjustments (adjustment, invoice, tenant) SELECT a, $2, $3 FROM unnest($1::uuid[]) AS a ORDER BY a', [adjustments.map(({ id }) => id), invoice, tenant]);
  }
}
