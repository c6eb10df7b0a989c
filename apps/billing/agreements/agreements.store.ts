import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { agreementJson } from '#protocol';
import type { Agreement } from '#protocol';

interface Row {
  id: string;
  tenant: string;
  note: string;
  asked_from_ms: string;
  terms: Pick<ReturnType<typeof agreementJson>, 'tiers' | 'minimumNanos' | 'fees'>;
  hash: string;
  proposed_by: string;
  proposed_at_ms: string;
  approved_by: string | null;
  approved_at_ms: string | null;
  effective_from_ms: string | null;
}

const columns = 'id, tenant, note, asked_from_ms, terms, hash, proposed_by, proposed_at_ms, approved_by, approved_at_ms, effective_from_ms';

const fromRow = ({ terms, ...row }: Row): Agreement => ({
  ...{ id: row.id, tenant: row.tenant, note: row.note, hash: row.hash, proposedBy: row.proposed_by, approvedBy: row.approved_by },
  effectiveFromMs: Number(row.effective_from_ms ?? row.asked_from_ms),
  tiers: terms.tiers.map(({ aboveNanos, basisPoints }) => ({ aboveNanos: BigInt(aboveNanos), basisPoints })),
  minimumNanos: terms.minimumNanos === null ? null : BigInt(terms.minimumNanos),
  fees: terms.fees.map(({ name, monthlyNanos }) => ({ name, monthlyNanos: BigInt(monthlyNanos) })),
  state: row.approved_by === null ? 'proposed' : 'approved',
  proposedAtMs: Number(row.proposed_at_ms),
  approvedAtMs: row.approved_at_ms === null ? null : Number(row.approved_at_ms),
});

@Injectable()
export class AgreementsStore {
  /** `false` when the id is known. */
  async propose(manager: EntityManager, agreement: Agreement): Promise<boolean> {
    const { id, tenant, note, effectiveFromMs, hash, proposedBy, proposedAtMs } = agreement;
    const { tiers, minimumNanos, fees } = agreementJson(agreement);
    const rows = await manager.query<unknown[]>(
      'INSERT INTO billing.agreements (id, tenant, note, asked_from_ms, terms, hash, proposed_by, proposed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING RETURNING id',
      [id, tenant, note, effectiveFromMs, JSON.stringify({ tiers, minimumNanos, fees }), hash, proposedBy, proposedAtMs],
    );
    return rows.length > 0;
  }

  /** `false` when somebody else did meanwhile. */
  async approve(manager: EntityManager, id: string, by: string, atMs: number, effectiveFromMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'WITH done AS (UPDATE billing.agreements SET approved_by = $2, approved_at_ms = $3, effective_from_ms = $4 WHERE id = $1 AND approved_by IS NULL RETURNING id) SELECT id FROM done',
      [id, by, atMs, effectiveFromMs],
    );
    return rows.length > 0;
  }

  async find(manager: EntityManager, tenant: string, id: string): Promise<Agreement | undefined> {
    const [row] = await manager.query<Row[]>(`SELECT ${columns} FROM billing.agreements WHERE id = $1 AND tenant = $2`, [id, tenant]);
    return row && fromRow(row);
  }

  /** Of a month: the approved one that began last by then. */
  async ofMonth(manager: EntityManager, tenant: string, monthMs: number): Promise<Agreement | undefined> {
    const [row] = await manager.query<Row[]>(
      `SELECT ${columns} FROM billing.agreements WHERE tenant = $1 AND approved_by IS NOT NULL AND effective_from_ms <= $2 ORDER BY effective_from_ms DESC, approved_at_ms DESC, id DESC LIMIT 1`,
      [tenant, monthMs],
    );
    return row && fromRow(row);
  }

  async list(manager: EntityManager, tenant: string, after: string | undefined, limit: number): Promise<Agreement[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.agreements WHERE tenant = $1 AND ($2::text IS NULL OR id::text COLLATE "C" > $2) ORDER BY id LIMIT $3`, [tenant, after ?? null, limit])).map(fromRow);
  }
}
