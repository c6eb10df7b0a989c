import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Refund } from '#protocol';

interface Row {
  id: string;
  tenant: string;
  currency: Refund['currency'];
  amount_minor: string;
  reason: string;
  input_hash: string;
  state: Refund['state'];
  requested_at_ms: string;
  reference: string | null;
  paid_at_ms: string | null;
}

const columns = 'id, tenant, currency, amount_minor, reason, input_hash, state, requested_at_ms, reference, paid_at_ms';

const fromRow = (row: Row): Refund => ({
  ...{ id: row.id, tenant: row.tenant, currency: row.currency, amountMinor: BigInt(row.amount_minor), reason: row.reason, state: row.state, reference: row.reference },
  requestedAtMs: Number(row.requested_at_ms),
  paidAtMs: row.paid_at_ms === null ? null : Number(row.paid_at_ms),
});

@Injectable()
export class RefundsStore {
  async find(manager: EntityManager, id: string): Promise<{ refund: Refund; inputHash: string } | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.refunds WHERE id = $1`, [id]);
    return row && { refund: fromRow(row), inputHash: row.input_hash };
  }

  async insert(manager: EntityManager, { id, tenant, currency, amountMinor, reason, requestedAtMs }: Refund, inputHash: string): Promise<void> {
    await manager.query('INSERT INTO billing.refunds (id, tenant, currency, amount_minor, reason, requested_at_ms, input_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)', [id, tenant, currency, amountMinor, reason, requestedAtMs, inputHash]);
  }

  async end(manager: EntityManager, { id, state, reference, paidAtMs }: Refund): Promise<void> {
    await manager.query('UPDATE billing.refunds SET state = $2, reference = $3, paid_at_ms = $4 WHERE id = $1', [id, state, reference, paidAtMs]);
  }

  async list(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<Refund[]> {
    const rows = await manager.query<Row[]>(`SELECT ${columns} FROM billing.refunds WHERE ($1::uuid IS NULL OR tenant = $1) AND ($2::text IS NULL OR id::text > $2) ORDER BY id LIMIT $3`, [tenant, after ?? null, limit]);
    return rows.map(fromRow);
  }
}
