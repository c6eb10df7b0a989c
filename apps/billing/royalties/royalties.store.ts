import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RoyaltyLine } from '#protocol';

type Row = Omit<RoyaltyLine, 'basisPoints' | 'amountNanos' | 'bookedAtMs'> & { basis_points: number; amount_nanos: string; booked_at_ms: string };

/** What of a charge can be divided: what its machine earned. */
export interface Divisible {
  readonly amountNanos: bigint;
  /** Whom the machine's work pays; `null` while it is not known. */
  readonly payee: string | null;
  readonly isDrawn: boolean;
  /** Verification refuted the work, and what was held of it is credited. */
  readonly isRefuted: boolean;
}

const columns = 'record, owner, dataset, tenant, use, basis_points, amount_nanos, payer, booked_at_ms';

@Injectable()
export class RoyaltiesStore {
  async charge(manager: EntityManager, tenant: string, record: string): Promise<Divisible | undefined> {
    const [row] = await manager.query<{ amount_nanos: string; payee: string | null; drawn: boolean; refuted: boolean }[]>(
      `SELECT COALESCE(c.earned_nanos, c.amount_nanos) AS amount_nanos, n.payout_address AS payee, EXISTS (SELECT 1 FROM billing.statement_charges s WHERE s.record = c.record) AS drawn,
         EXISTS (SELECT 1 FROM billing.holdbacks h WHERE h.record = c.record AND h.state = 'forfeited') AS refuted
       FROM billing.charges c LEFT JOIN billing.nodes n ON n.id = c.node WHERE c.record = $1 AND c.tenant = $2`,
      [record, tenant],
    );
    return row && { amountNanos: BigInt(row.amount_nanos), payee: row.payee, isDrawn: row.drawn, isRefuted: row.refuted };
  }

  /** In order of owner and data set. */
  async ofRecord(manager: EntityManager, record: string): Promise<RoyaltyLine[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.royalties WHERE record = $1 ORDER BY owner COLLATE "C", dataset COLLATE "C"`, [record])).map(fromRow);
  }

  async insert(manager: EntityManager, lines: readonly RoyaltyLine[]): Promise<void> {
    for (const { record, owner, dataset, tenant, use, basisPoints, amountNanos, payer, bookedAtMs } of lines) {
      await manager.query(`INSERT INTO billing.royalties (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, [record, owner, dataset, tenant, use, basisPoints, amountNanos, payer, bookedAtMs]);
    }
  }

  /** Whole records, in order, after one; at most `limit` lines more or less: a record has sixteen at most. */
  async list(manager: EntityManager, { tenant, after, limit }: { tenant: string | null; after?: string | undefined; limit: number }): Promise<{ data: RoyaltyLine[]; hasMore: boolean }> {
    const records = await manager.query<{ record: string }[]>(
      'SELECT DISTINCT record FROM billing.royalties WHERE ($1::uuid IS NULL OR tenant = $1) AND ($2::text IS NULL OR record::text > $2) ORDER BY record LIMIT $3',
      [tenant, after ?? null, limit + 1],
    );
    const page = records.slice(0, limit).map(({ record }) => record);
    const rows = await manager.query<Row[]>(`SELECT ${columns} FROM billing.royalties WHERE record = ANY($1::uuid[]) ORDER BY record, owner COLLATE "C", dataset COLLATE "C"`, [page]);
    return { data: rows.map(fromRow), hasMore: records.length > limit };
  }
}

const fromRow = ({ basis_points: basisPoints, amount_nanos: amount, booked_at_ms: at, ...row }: Row): RoyaltyLine => ({ ...row, basisPoints, amountNanos: BigInt(amount), bookedAtMs: Number(at) });
